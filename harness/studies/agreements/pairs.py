"""Every pair of scores: how much their rankings of the strategies agree, with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.studies.replicates import Groups

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Two scores."""

    one: str
    other: str
    rho: float  # Spearman's
    low: float
    high: float
    tau: float  # Kendall's tau-b

    @property
    def agrees(self) -> bool:
        """Whether they are shown to rank alike."""
        return self.low > 0

    @property
    def reverses(self) -> bool:
        """Whether they are shown to rank in opposite order."""
        return self.high < 0


def pairs(names: Sequence[str], rho: Floats, drawn: Floats, tau: Floats, groups: Groups) -> list[Pair]:
    """All pairs, those that agree least first.

    Args:
        names: of the columns.
        rho: [names, names].
        drawn: [resamples, names, names] the same over resamples.
        tau: [names, names].
        groups: that were resampled.
    """
    found = []
    for i, one in enumerate(names):
        for j in range(i + 1, len(names)):
            interval = groups.interval(drawn[:, i, j], float(rho[i, j]))
            ends = (float(rho[i, j]),) * 2 if interval.method == "constant" else (interval.low, interval.high)
            found.append(Pair(one, names[j], float(rho[i, j]), *ends, float(tau[i, j])))
    return sorted(found, key=lambda pair: pair.rho)
