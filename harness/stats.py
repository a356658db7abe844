"""Intervals and tests by resampling prompts. Knows no metric: only statistics per text and how they combine.

A number is made of `stats` [texts, k] as `Combine` says. Texts of one prompt are alike, so prompts are resampled and
the texts of a prompt stay together (the cluster bootstrap); two strategies are compared on the same prompts. What each
method is worth at 30 to 1,000 prompts is measured in experiments/statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness import shares
from harness.bca import bounds
from harness.combines import COMBINES, Combine, complements, exp_ratio, number, ratio
from harness.resampling import resampled_medians, resampled_sums
from harness.swapping import swap_p

__all__ = [
    "COMBINES",
    "Combine",
    "Difference",
    "Interval",
    "bootstrap",
    "complements",
    "exp_ratio",
    "holm",
    "number",
    "paired",
    "ratio",
]

Floats = NDArray[np.float64]
Method = Literal["best", "bca", "percentile"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; NaN where there is none."""

    low: float
    high: float
    # bca, percentile, wilson, jackknife; constant: every resample gives the same; none: fewer than two prompts have a
    # value, or the number is not finite
    method: str


@dataclass(frozen=True, slots=True)
class Difference:
    """a - b with its interval, and the two-sided p-value of there being none; NaN where there is none."""

    value: float
    low: float
    high: float
    p: float
    method: str = "none"  # of the interval: as `Interval.method`, and newcombe
    test: str = "none"  # of the p-value: swap, bootstrap, t


def bootstrap(
    stats: Floats,
    clusters: Sequence[object],
    combine: Combine,
    *,
    resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
    method: Method = "best",
) -> Interval:
    """The confidence interval of the number that `stats` make.

    `best` is Wilson's interval for a share, the percentile interval for a median, whose jackknife has only two or three
    different values, and BCa for the rest. BCa falls back on the percentile interval where it has no value: every
    resample on one side of the number, one prompt that outweighs the others, or one without which there is no number.
    Bootstrap intervals are widened as Student's are. `Interval.method` says what was done. A prompt whose summands are
    all 0, or all of whose items are NaN, has no value.

    Args:
        stats: [texts, k] summands of each text, or of all texts of a prompt.
        clusters: [texts] the prompt of each text.
        combine: how the number is made.
        resamples: how many.
        seed: of the resampling; equal seeds resample the same prompts in every call.
        level: the share of such intervals that hold the true number.
        method: `best`, or one by name; `bca` of a median is `percentile`.
    """
    side = _Side.of(stats, clusters, combine)
    if side.valued < 2 or not np.isfinite(side.value):
        return Interval(np.nan, np.nan, "none")
    if combine == "share" and method == "best":
        return Interval(*shares.wilson(side.sums, level), "wilson")
    draws = _finite(side.resampled(resamples, seed))
    if not len(draws):
        return Interval(np.nan, np.nan, "none")
    if np.allclose(draws, side.value, rtol=1e-12, atol=0):
        return Interval(side.value, side.value, "constant")
    left_out = None if method == "percentile" else side.left_out()
    return Interval(*bounds(draws, side.value, left_out, side.valued, level))


def paired(
    stats_a: Floats,
    stats_b: Floats,
    clusters: Sequence[object],
    combine: Combine,
    *,
    clusters_b: Sequence[object] | None = None,
    resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Difference:
    """The difference of a number between two strategies over the same prompts.

    The interval says how large the difference is: both sides are resampled with the same prompts, so what a prompt does
    to both cancels. It is BCa as in `bootstrap`; of shares it is Newcombe's, of medians the percentile interval.

    The p-value says whether chance alone makes such a difference: the texts of each prompt are swapped between the
    sides at random (`harness.swapping`). For two medians, whose difference has no standard error to divide by, it is
    twice the smaller share of resampled differences on either side of zero, zeros counted on both. Either is
    (count + 1) / (number + 1), so never 0; equal texts have p = 1. As the two answer different questions, an interval
    may just leave 0 out where p is just above 1 - level, or the other way round.

    Args:
        stats_a: [texts, k] summands of each text of one strategy, or of all texts of a prompt.
        stats_b: [texts, k] of the other.
        clusters: [texts] the prompt of each text of `stats_a`, and of `stats_b` unless it has its own.
        combine: how the number is made.
        clusters_b: [texts] the prompts of `stats_b`, where its texts are other in number or order.
        resamples: how many; and how many swaps.
        seed: of both.
        level: of the interval.

    Raises:
        ValueError: the two sides have not the same prompts.
    """
    a = _Side.of(stats_a, clusters, combine)
    b = _Side.of(stats_b, clusters if clusters_b is None else clusters_b, combine)
    if not np.array_equal(a.names, b.names):
        raise ValueError("paired: the two sides have not the same prompts")
    value = a.value - b.value
    if min(a.valued, b.valued) < 2 or not np.isfinite(value):
        return Difference(value, np.nan, np.nan, np.nan)
    if combine == "share":
        interval = Interval(*shares.difference(a.sums, b.sums, level), "newcombe")
        return _tested(value, interval, swap_p(a.sums, b.sums, False, resamples, seed), "swap")
    draws = _finite(a.resampled(resamples, seed) - b.resampled(resamples, seed))
    if not len(draws):
        return Difference(value, np.nan, np.nan, np.nan)
    left_a, left_b = a.left_out(), b.left_out()
    left_out = None if left_a is None or left_b is None else left_a - left_b
    if np.ptp(draws) <= 1e-12 * (abs(a.value) + abs(b.value)):
        interval = Interval(value, value, "constant")
    else:
        interval = Interval(*bounds(draws, value, left_out, min(a.valued, b.valued), level))
    if combine == "median":
        tail = min(int(np.sum(draws <= 0)), int(np.sum(draws >= 0)))
        return _tested(value, interval, min(1.0, 2 * (tail + 1) / (len(draws) + 1)), "bootstrap")
    return _tested(value, interval, swap_p(a.sums, b.sums, combine == "complements", resamples, seed), "swap")


def _tested(value: float, interval: Interval, p: float, test: str) -> Difference:
    return Difference(value, interval.low, interval.high, p, interval.method, test)


def holm(ps: ArrayLike) -> Floats:
    """p-values adjusted for being one of many (Holm, 1979).

    Reject those that are at most alpha, and the chance of any false rejection is at most alpha. NaN is no test: it
    stays, and is not counted.
    """
    given = np.asarray(ps, dtype=np.float64)
    tests = np.flatnonzero(~np.isnan(given))
    order = tests[np.argsort(given[tests], kind="stable")]
    adjusted = given.copy()
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(given[order] * np.arange(len(order), 0, -1)))
    return adjusted


@dataclass(frozen=True, eq=False)
class _Side:
    """The texts of one strategy, prompt by prompt."""

    combine: Combine
    names: NDArray[np.str_]  # [clusters] in order
    cluster: NDArray[np.int64]  # [texts] of which `names` each is
    stats: Floats  # [texts, k]
    sums: Floats  # [clusters, k]; of a median: how many items
    value: float

    @classmethod
    def of(cls, stats: Floats, clusters: Sequence[object], combine: Combine) -> _Side:
        if len(stats) != len(clusters):
            raise ValueError(f"{len(stats)} texts have stats, {len(clusters)} have a cluster")
        names, cluster = np.unique(np.asarray(clusters, dtype=np.str_), return_inverse=True)
        if combine == "median":
            has = ~np.isnan(stats[:, 0])
            stats, cluster = stats[has], cluster[has]
        sums = np.zeros((len(names), stats.shape[1]))
        np.add.at(sums, cluster, stats if combine != "median" else 1.0)
        return cls(combine, names, cluster, stats, sums, number(stats, combine))

    @property
    def valued(self) -> int:
        """How many prompts have a value: what all the others add is nothing, so the number cannot vary with them."""
        return int(self.sums.any(axis=1).sum())

    def resampled(self, resamples: int, seed: int) -> Floats:
        """[resamples] the number over prompts drawn with replacement."""
        if self.combine == "median":
            return resampled_medians(self.stats[:, 0], self.cluster, len(self.names), resamples, seed)
        return COMBINES[self.combine](resampled_sums(self.sums, resamples, seed))

    def left_out(self) -> Floats | None:
        """[clusters] the number without each prompt in turn; None of a median, of which it tells nothing."""
        if self.combine == "median":
            return None
        return COMBINES[self.combine](self.sums.sum(axis=0) - self.sums)


def _finite(values: Floats) -> Floats:
    return values[np.isfinite(values)]
