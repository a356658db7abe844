"""From laps to rates and ratios. Ratios are made within a repetition; then come their median, least and greatest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Spread:
    """The median of the repetitions, and how far they reach."""

    middle: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        return Spread(median(values), min(values), max(values))

    def show(self, digits: int = 1) -> str:
        """Like "2.5 (2.4–2.7)"."""
        return f"{self.middle:,.{digits}f} ({self.low:,.{digits}f}–{self.high:,.{digits}f})"


def rates(laps: Sequence[dict[str, Any]], lap: str | None = None) -> dict[str, list[float]]:
    """Contender -> tokens per second in each repetition, over all its laps or over those of one name."""
    seconds: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    tokens: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for each in laps:
        if lap is None or each["lap"] == lap:
            seconds[each["contender"]][each["repetition"]] += each["seconds"]
            tokens[each["contender"]][each["repetition"]] += each["tokens"]
    return {key: [tokens[key][r] / seconds[key][r] for r in sorted(seconds[key])] for key in seconds}


def ratio(fast: Sequence[float], slow: Sequence[float]) -> Spread:
    """How many times faster the first is, repetition by repetition."""
    return Spread.of([f / s for f, s in zip(fast, slow, strict=True)])
