"""What a transform is: a pure function on rows of logits.

A factory returns None where its knob is at the value that changes nothing, so an absent transform costs nothing.
Every transform maps [rows, vocab] logits to [rows, vocab] logits, leaves its input alone, and treats each row by
itself. Those that keep the order of the tokens (`Monotone`) are, at the end of a chain, not called on whole rows: the
sampler asks them what they do to the likeliest tokens (`harness.sampler.Ranked`), which is many times faster.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from harness.nodes import Nodes
from harness.sampler import Ranked, ladder
from harness.strategies.base import View

if TYPE_CHECKING:
    from harness.models.base import LanguageModel

Transform = Callable[[Tensor, View], Tensor]


class Worded(ABC):
    """A transform with texts among its knobs, which a model's tokenizer turns into tokens before the first step."""

    @abstractmethod
    def tokenized(self, model: LanguageModel) -> Transform:
        """What it is for a model.

        Raises:
            InputError: it cannot be said in this model's tokens.
        """


class Monotone(ABC):
    """A transform that never puts a token before one that was likelier, given by what it does to sorted logits."""

    @abstractmethod
    def __call__(self, logits: Tensor, view: View) -> Tensor:
        """What it makes of whole rows."""

    @abstractmethod
    def ranked(self, ranked: Ranked) -> Ranked:
        """What it leaves of the likeliest tokens, and whether that is sure."""


@dataclass(frozen=True)
class Truncation(Monotone):
    """A transform that keeps the likeliest tokens as they are and forbids the others."""

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        """The logits, -inf where forbidden; more of the vocabulary is sorted only for rows that keep so much."""
        nodes, out = Nodes(logits), torch.full_like(logits, -torch.inf)
        waiting = torch.arange(len(logits), device=logits.device)
        for k in ladder(nodes):
            ranked = self.ranked(Ranked.of(nodes, waiting, k))
            kept = ranked.values > -torch.inf
            sure = (ranked.sure & (kept.sum(-1) <= ranked.certain)) | (k == nodes.vocab)
            row, tokens = waiting[sure, None], ranked.tokens[sure]
            out[row, tokens] = logits[row, tokens].masked_fill(~kept[sure], -torch.inf)
            waiting = waiting[~sure]
            if not len(waiting):
                break
        return out
