"""Frustratingly simple decoding with hidden states in place of n-grams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from harness.knobs import PositiveCount, checked
from harness.strategies.base import Prefill, Step, Strategy, View
from harness.strategies.fsd import Alpha, likeliest, weighed

Order = Annotated[int, Field(ge=2, le=16)]


@dataclass(frozen=True)
class FSDVec(Strategy[Tensor]):
    """The vectorised FSD of Yang et al. (2024, section 3.3). The state is [requests, time, d_model]: all states so far.

    What a token v loses is the largest cosine, cut to [0, 1], between the last ngram_size - 1 states, put end to end,
    and as many states before an occurrence of v in the text.
    """

    top_k: int
    penalty_alpha: float
    ngram_size: int
    needs_hidden: ClassVar[bool] = True

    def start(self, prefill: Prefill) -> Tensor:
        """The states of the prompt."""
        assert prefill.hidden is not None
        return prefill.hidden * (prefill.history >= 0)[..., None]

    def step(self, view: View, state: Tensor) -> tuple[Step, Tensor]:
        """Weigh the likeliest tokens of every row."""
        assert view.hidden is not None
        states = torch.cat([state, view.hidden[:, None]], 1) if view.step else state
        tokens, probabilities = likeliest(view, self.top_k)
        penalty = alike(view.history, states, tokens, self.ngram_size - 1)
        scores = (1 - self.penalty_alpha) * probabilities - self.penalty_alpha * penalty.to(probabilities.dtype)
        return weighed(view, tokens, scores), states


def alike(history: Tensor, states: Tensor, tokens: Tensor, before: int) -> Tensor:
    """[rows, k] the largest cosine between the end of each row and a place before each of its tokens; at least 0.

    Args:
        history: [rows, time], -1 where there is no token.
        states: [rows, time, d_model], of the same tokens.
        tokens: [rows, k].
        before: how many states are put end to end.
    """
    time = history.shape[1]
    if time <= before:
        return torch.zeros_like(tokens, dtype=states.dtype)
    ends = torch.cat([states[:, i : time - before + i + 1] for i in range(before)], -1)  # of `before` states each
    cosine = (normalize(ends[:, :-1], dim=-1) @ normalize(ends[:, -1], dim=-1)[..., None])[..., 0]
    follower = history[:, before:]
    whole = history[:, : time - before] >= 0  # the first of the states is one
    same = (follower[:, :, None] == tokens[:, None]) & whole[:, :, None]
    return cosine[:, :, None].masked_fill(~same, 0.0).amax(1).clamp(0.0, 1.0)


@checked
def fsd_vec(*, top_k: PositiveCount = 3, penalty_alpha: Alpha = 0.4, ngram_size: Order = 2) -> FSDVec:
    """Likely tokens that do not follow from states like those before them.

    Source: Yang et al. (2024), section 3.3 (FSD-vec).
    Oracle: a loop over transformers' hidden states, written from the paper; α = 0 is greedy.

    Args:
        top_k: the likeliest tokens that are weighed; 1 is greedy.
        penalty_alpha: weight of the likeness, from 0 (greedy) to 1.
        ngram_size: one more than the states that are compared.
    """
    return FSDVec(top_k, penalty_alpha, ngram_size)
