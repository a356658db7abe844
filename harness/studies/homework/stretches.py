"""Where a text repeats a phrase several times in a row, wherever that is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A phrase that stands several times in a row: tokens `onset` to `end` of a text, `end` not included."""

    onset: int
    end: int
    period: int  # tokens in the phrase

    @property
    def repeats(self) -> int:
        """How many whole times the phrase is there."""
        return (self.end - self.onset) // self.period


def longest(tokens: Sequence[int], min_period: int = 2, min_repeats: int = 3) -> Stretch | None:
    """The stretch that covers most tokens, then the one of the shortest phrase; None where nothing repeats so often.

    The rule for a loop of `harness.metrics.loops`, but anywhere in the text: a text that has left its loop again before
    the last token has still been in one.
    """
    text, best = np.asarray(tokens), None
    for period in range(min_period, len(text) // min_repeats + 1):
        same = np.concatenate([[False], text[period:] == text[:-period], [False]])
        for first, last in pairwise(np.flatnonzero(same[1:] != same[:-1]).tolist()):
            if not same[first + 1]:
                continue
            stretch = Stretch(first, last + period, period)
            if stretch.repeats >= min_repeats and (best is None or last + period - first > best.end - best.onset):
                best = stretch
    return best


def passes(values: ArrayLike, stretch: Stretch) -> Floats:
    """[repeats, period]: what each token of each whole pass through the phrase has, of values per token of the text."""
    whole = np.asarray(values, dtype=np.float64)[stretch.onset : stretch.onset + stretch.repeats * stretch.period]
    return whole.reshape(stretch.repeats, stretch.period)
