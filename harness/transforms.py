"""Transforms: pure functions on rows of logits, composed by `chain`.

A factory returns None where its knob is at the value that changes nothing, so an absent transform costs nothing.
Every transform maps [rows, vocab] logits to [rows, vocab] logits, leaves its input alone, and treats each row by
itself. Those that keep the order of the tokens (`Monotone`) are, at the end of a chain, not called on whole rows: the
sampler asks them what they do to the likeliest tokens (`harness.sampler.Ranked`), which is many times faster.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.knobs import Count, Positive, Share, Temperature, checked
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


@dataclass(frozen=True)
class Chain:
    """Transforms applied from left to right."""

    general: tuple[Transform, ...]
    monotone: tuple[Monotone, ...]  # that follow; no general one comes after them

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        """All of them, on whole rows."""
        transforms: tuple[Transform, ...] = (*self.general, *self.monotone)
        for transform in transforms:
            logits = transform(logits, view)
        return logits


def chain(*transforms: Transform | None) -> Chain:
    """Apply transforms from left to right; None means absent."""
    present: list[Transform] = []
    for t in transforms:
        if isinstance(t, Chain):
            present += [*t.general, *t.monotone]
        elif t is not None:
            present.append(t)
    last: list[Monotone] = []
    while present and isinstance(t := present[-1], Monotone):
        last.insert(0, t)
        present.pop()
    return Chain(tuple(present), tuple(last))


@dataclass(frozen=True)
class _Temperature(Monotone):
    value: float

    def ranked(self, ranked: Ranked) -> Ranked:
        return ranked.temper(self.value)

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        if self.value == math.inf:
            return torch.zeros_like(logits).masked_fill(logits == -torch.inf, -torch.inf)
        peak = logits.amax(-1, keepdim=True)
        if self.value == 0.0:
            return torch.zeros_like(logits).masked_fill(logits < peak, -torch.inf)
        if self.value >= 1.0:
            return logits / self.value
        # Below 1 the quotient can leave the range of the type: then divide the distance to the peak, which cannot.
        # In float64, because a temperature such as 1e-50 is zero in float32.
        shift = torch.where((peak.double() / self.value).abs() < torch.finfo(logits.dtype).max, 0.0, peak.double())
        return ((logits.double() - shift) / self.value).to(logits.dtype)


@checked
def temperature(value: Temperature = 1.0) -> Transform | None:
    """Divide the logits by a temperature (Ackley et al., 1985): p_i ∝ exp(l_i / τ).

    Both limits are exact. τ = 0 leaves the argmax alone (all of them, if several are equal); τ = inf makes every token
    that is still possible equally likely.
    """
    return None if value == 1.0 else _Temperature(value)


@dataclass(frozen=True)
class _TopK(Truncation):
    k: int

    def ranked(self, ranked: Ranked) -> Ranked:
        if self.k >= ranked.values.shape[1]:
            return ranked.keep(ranked.values > -torch.inf, torch.zeros_like(ranked.sure))
        threshold = ranked.values[:, self.k - 1 : self.k]
        return ranked.keep(ranked.values >= threshold, threshold[:, 0] > ranked.values[:, -1])


@checked
def top_k(k: Count = 0) -> Transform | None:
    """Keep the k likeliest tokens (Fan et al., 2018). 0 is off.

    Tokens equal to the k-th likeliest are kept too, as in transformers.
    """
    return None if k == 0 else _TopK(k)


@dataclass(frozen=True)
class _TopP(Truncation):
    p: float

    def ranked(self, ranked: Ranked) -> Ranked:
        wanted = self.p * ranked.total()[0]
        ends = ranked.values.exp().cumsum(-1)
        before = torch.cat([torch.zeros_like(ends[:, :1]), ends[:, :-1]], 1)  # the weight of all likelier tokens
        return ranked.keep(before < wanted[:, None], ends[:, -1] >= wanted)


@checked
def top_p(p: Share = 1.0) -> Transform | None:
    """Keep the smallest set of likeliest tokens whose probability reaches p (Holtzman et al., 2020). 1 is off.

    Among equally likely tokens at the edge the smaller ids are kept.
    """
    return None if p == 1.0 else _TopP(p)


@dataclass(frozen=True)
class _RepetitionPenalty:
    penalty: float

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        seen = view.history.where(view.history >= 0, view.history[:, -1:])  # the last column is never padding
        at = logits.gather(1, seen)
        return logits.scatter(1, seen, torch.where(at < 0, at * self.penalty, at / self.penalty))


@checked
def repetition_penalty(penalty: Positive = 1.0) -> Transform | None:
    """Make every token of the prompt and the continuation less likely (Keskar et al., 2019, section 4.1). 1 is off.

    A positive logit is divided by the penalty and a negative one multiplied, as in the authors' code and transformers;
    the paper's equation divides all. Below 1 it rewards repetition.
    """
    return None if penalty == 1.0 else _RepetitionPenalty(penalty)
