"""Greedy or sampling by logits in which a second reader of the text has a say."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from harness import transforms
from harness.sampler import Source
from harness.strategies.base import Step, Strategy, View
from harness.strategies.sampling import Greedy, Sampling
from harness.transforms import Transform, chain

FLOOR = -1e4
"""A log-probability lower than this counts as this: a token that the second reader forbids is a finite way off."""


@dataclass(frozen=True)
class Accompanied(Strategy[None]):
    """Rows that decode by `rule`, whose first transform weighs the model's logits against `View.other`.

    Subclasses say who the companion is.
    """

    rule: Greedy | Sampling

    @property
    def stochastic(self) -> bool:  # type: ignore[override]
        """Whether the rule draws."""
        return self.rule.stochastic

    @property
    def source(self) -> Callable[[View, None], Source]:
        """What a rule that draws draws from; a greedy one has none."""
        return self.rule.source  # type: ignore[union-attr]  # an AttributeError is the answer

    def step(self, view: View, state: None) -> tuple[Step, None]:
        """The rule's."""
        return self.rule.step(view, state)


def rule(
    weigh: Transform | None, *, repetition_penalty: float, temperature: float, top_k: int, top_p: float
) -> Greedy | Sampling:
    """Weigh, then transform as `sample` does; temperature 0 is greedy: among equal tokens the smallest id."""
    penalty = transforms.repetition_penalty(repetition_penalty)
    if temperature == 0.0:
        return Greedy(chain(weigh, penalty))
    after = transforms.temperature(temperature), transforms.top_k(top_k), transforms.top_p(top_p)
    return Sampling(chain(weigh, penalty, *after))


def contrast(own: Tensor, other: Tensor, share: float) -> Tensor:
    """The scores log p(v) - log q(v) of tokens that are plausible, p(v) >= share * max p; -inf of all others.

    Args:
        own: [rows, vocab] the model's logits, of p.
        other: [rows, vocab] the second reader's, of q. Where it has logits for fewer tokens than the model, the others
            are forbidden: models pad their vocabularies to different widths.
        share: from 0 to 1; 0 keeps all possible tokens, 1 the likeliest alone.
    """
    lowest = own.amax(-1, keepdim=True) + (math.log(share) if share > 0 else -torch.inf)
    read = other.log_softmax(-1).clamp(min=FLOOR)[:, : own.shape[1]]
    scores = own.log_softmax(-1)[:, : read.shape[1]] - read
    scores = pad(scores, (0, own.shape[1] - read.shape[1]), value=-torch.inf)
    return scores.masked_fill((own < lowest) | (own == -torch.inf), -torch.inf)
