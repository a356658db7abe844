"""Which rule has the best quality at which diversity, and which others are not shown to be worse."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.studies.frontiers.matching import levels, matched
from harness.studies.replicates import Groups

Floats = NDArray[np.float64]
Curve = tuple[Floats, Floats, Floats, Floats]
"""Of one rule: [points] diversity and quality, and the same over resamples, [resamples, points]."""


@dataclass(frozen=True)
class Entry:
    """A rule at one diversity."""

    rule: str
    value: float
    low: float
    high: float
    behind: tuple[float, float, float]  # how much worse than the best, with the interval; NaN of the best itself
    worse: bool  # the interval of that leaves 0 out


@dataclass(frozen=True)
class Round:
    """All rules at one diversity, the best first."""

    at: float
    entries: list[Entry]

    @property
    def best(self) -> list[str]:
        """The best: several where they are equal."""
        return [entry.rule for entry in self.entries if entry.value == self.entries[0].value]

    @property
    def worse(self) -> list[str]:
        """Those that are shown to be worse."""
        return [entry.rule for entry in self.entries if entry.worse]


def contest(curves: Mapping[str, Curve], groups: Groups, number: int, *, high: bool, log: bool = False) -> list[Round]:
    """A round per diversity that all rules reach, or all but one.

    Args:
        curves: by rule.
        groups: that were resampled; where there are too few, entries have no interval and nobody is shown to be worse.
        number: of rounds; none where the rules have no diversity in common.
        high: whether more is better.
        log: whether quality is interpolated and compared on the scale of its logarithm; `behind` is then a ratio - 1.

    Intervals of `behind` hold together, 95% for all rounds of a contest (Bonferroni); those of values each by itself.
    """
    to, back = (np.log, np.exp) if log else (np.asarray, np.asarray)
    at = levels([x for x, *_ in curves.values()], number)
    if not len(at) or len(curves) < 2:
        return []
    values = {rule: matched(at, x, to(y)) for rule, (x, y, _, _) in curves.items()}
    draws = {rule: matched(at, x, to(y)) for rule, (_, _, x, y) in curves.items()}
    level = 1 - 0.05 / (len(at) * (len(curves) - 1))
    rounds = []
    for place, where in enumerate(at):
        here = {rule: float(each[place]) for rule, each in values.items() if math.isfinite(each[place])}
        order = sorted(here, key=lambda rule: -here[rule] if high else here[rule])
        best = order[0]
        entries = []
        for rule in order:
            own = groups.interval(draws[rule][:, place], here[rule])
            gap, lag = here[rule] - here[best], draws[rule][:, place] - draws[best][:, place]
            away = groups.interval(-lag if high else lag, abs(gap), level)
            ends = (math.nan,) * 3 if rule == best else (abs(gap), away.low, away.high)
            first, low, top = (float(back(each)) - (1 if log else 0) for each in ends)
            value, bottom, ceiling = (float(back(each)) for each in (here[rule], own.low, own.high))
            entries.append(Entry(rule, value, bottom, ceiling, (first, low, top), rule != best and away.low > 0))
        rounds.append(Round(float(where), entries))
    return rounds
