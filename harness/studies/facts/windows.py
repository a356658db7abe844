"""The perplexity of a text longer than a model's context, read in windows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.errors import InputError
from harness.models.base import LanguageModel
from harness.models.scoring import score_continuations

BATCH = 8
"""Windows that are scored by one call."""


@dataclass(frozen=True, slots=True)
class Window:
    """Tokens `begin` to `end` of a text, of which those from `first` on are new."""

    begin: int
    first: int
    end: int

    @property
    def predicted(self) -> range:
        """Of which tokens the probability counts: the very first of a window has none."""
        return range(max(self.first, self.begin + 1), self.end)


@dataclass(frozen=True)
class WindowedPerplexity:
    """Two numbers of the same log-probabilities, which differ by how windows are weighted."""

    value: float  # exp of minus the mean over all tokens that have a probability
    documented: float  # as transformers' documentation: over windows, each weighted by its new tokens minus one
    predicted: int  # tokens that have a probability


def windows(length: int, window: int, stride: int) -> Iterator[Window]:
    """Windows that begin every `stride` tokens, until one reaches the end of the text.

    Raises:
        InputError: a window of fewer than 2 tokens, or a stride that leaves tokens out.
    """
    if not window >= 2 or not 1 <= stride <= window:
        raise InputError(f"window={window}, stride={stride}: allowed: 2 <= window and 1 <= stride <= window")
    reached = 0
    for begin in range(0, length, stride):
        end = min(begin + window, length)
        yield Window(begin, reached, end)
        reached = end
        if end == length:
            return


def perplexity(model: LanguageModel, tokens: Sequence[int], window: int, stride: int) -> WindowedPerplexity:
    """The perplexity of a long text: a token is predicted once, from at least window - stride others where it can be.

    After "Perplexity of fixed-length models" in transformers' documentation. There a window's mean counts as often as
    it has new tokens, minus one, although windows that overlap predict all of these; `documented` is that number, and
    `value` the plain mean. Older versions of that page weight in yet other ways: 16.45 became 16.44.

    Args:
        model: any; windows must fit into its context.
        tokens: of the whole text, at least two.
        window: tokens that are read at once.
        stride: tokens from one window's beginning to the next.

    Raises:
        InputError: the text has fewer than two tokens, or a window does not fit.
    """
    if len(tokens) < 2:
        raise InputError(f"a perplexity needs at least 2 tokens; the text has {len(tokens)}")
    total, count, weighted, weights = 0.0, 0, 0.0, 0
    some = [each for each in windows(len(tokens), window, stride) if each.predicted]
    for start in range(0, len(some), BATCH):
        batch = some[start : start + BATCH]
        given = [tokens[each.begin : each.predicted.start] for each in batch]
        new = [tokens[each.predicted.start : each.end] for each in batch]
        for each, scores in zip(batch, score_continuations(model, given, new), strict=True):
            lost, weight = -float(scores.logprob.sum()), each.end - each.first - 1
            total, count = total + lost, count + len(each.predicted)
            weighted, weights = weighted + lost / len(each.predicted) * weight, weights + weight
    return WindowedPerplexity(math.exp(total / count), math.exp(weighted / weights) if weights else math.nan, count)
