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

import torch
from torch import Tensor

from harness.nodes import Nodes
from harness.sampler import Ranked
from harness.strategies.base import View

Transform = Callable[[Tensor, View], Tensor]


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
        """The logits, -inf where forbidden."""
        row = torch.arange(len(logits), device=logits.device)
        ranked = self.ranked(Ranked.of(Nodes(logits), row, logits.shape[1]))
        forbidden = torch.empty_like(logits, dtype=torch.bool)
        return logits.masked_fill(forbidden.scatter_(1, ranked.tokens, ranked.values == -torch.inf), -torch.inf)
