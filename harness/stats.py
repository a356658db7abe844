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

from harness import shares, student
from harness.bca import bounds
from harness.combines import COMBINES, Combine, complements, exp_ratio, number, ratio
from harness.resampling import resampled_medians, resampled_sums
from harness.swapping import LEAST, RARE, swap_p
from harness.tails import tail_p

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

FEWEST = 6
"""Of fewer prompts a median has no interval and no test: the least and the largest of 5 values hold the median between
them in 1 - 2 / 2^5 = 94% of cases, and all 5 differ to one side by chance in 2 / 2^5 = 6%."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; NaN where there is none."""

    low: float
    high: float
    # bca, percentile, student, wilson, jackknife. Without an interval: constant, where all resamples give the same and
    # resampling so knows nothing; few, where there are too few prompts for a median; none, where fewer than two prompts
    # have a value, or the number is not finite.
    method: str


@dataclass(frozen=True, slots=True)
class Difference:
    """a - b with its interval, and the two-sided p-value of there being none; NaN where there is no such."""

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
    different values, and BCa for the rest; where fewer than 8 prompts have a value, too few for a bootstrap, Student's
    (`harness.student`), and of a median none where fewer than 6 have. BCa falls back on the percentile interval where
    it has no value: every resample on one side of the number, one prompt that outweighs the others, or one without
    which there is no number. Bootstrap intervals are widened as Student's are. `Interval.method` says what was done. A
    prompt whose summands are all 0, or all of whose items are NaN, has no value.

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
    if combine == "median" and side.valued < FEWEST:
        return Interval(np.nan, np.nan, "few")
    if combine != "median" and method == "best" and side.valued < student.FEW:
        return Interval(*student.interval(side.sums, combine, level))
    draws = _finite(side.resampled(resamples, seed))
    if not len(draws):
        return Interval(np.nan, np.nan, "none")
    if np.allclose(draws, side.value, rtol=1e-12, atol=0):
        return Interval(np.nan, np.nan, "constant")
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
    to both cancels. It is the percentile interval: differences are nearly symmetric, and BCa, which corrects for the
    skewness that it sees, does worse (experiments/statistics). Of few prompts it is Student's; of shares, Newcombe's.

    The p-value says whether chance alone makes such a difference: the texts of each prompt are shared out anew between
    the sides at random (`harness.swapping`). For two medians, whose difference has no standard error to divide by, it
    is twice the smaller share of resampled differences on either side of zero, zeros counted on both, (count + 1) /
    (number + 1), or where that count is small the tail that they seem to have; but not below 2 / 2^n, what all n
    prompts differing to one side is worth. No p is 0; equal texts have p = 1. As the two answer different questions, an
    interval may just leave 0 out where p is just above 1 - level, or the other way round.

    Args:
        stats_a: [texts, k] summands of each text of one strategy; or of all texts of a prompt, where both sides have as
            many of every prompt: else the test has to exchange single texts.
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
    if combine == "median":
        return _medians(a, b, resamples, seed, level)
    interval = _between(a, b, resamples, seed, level)
    p = swap_p(a.stats, a.cluster, b.stats, b.cluster, combine == "complements", resamples, seed)
    return _tested(value, interval, p, "swap")


def _between(a: _Side, b: _Side, resamples: int, seed: int, level: float) -> Interval:
    """The interval of the difference of two numbers that are no medians."""
    valued = min(a.valued, b.valued)
    if a.combine == "share":
        return Interval(*shares.difference(a.sums, b.sums, level), "newcombe")
    if valued < student.FEW:
        return Interval(*student.difference(a.sums, b.sums, a.combine, level))
    return _percentile(_finite(a.resampled(resamples, seed) - b.resampled(resamples, seed)), a, b, level)


def _percentile(draws: Floats, a: _Side, b: _Side, level: float) -> Interval:
    if not len(draws):
        return Interval(np.nan, np.nan, "none")
    if np.ptp(draws) <= 1e-12 * (abs(a.value) + abs(b.value)):
        return Interval(np.nan, np.nan, "constant")
    return Interval(*bounds(draws, a.value - b.value, None, min(a.valued, b.valued), level))


def _medians(a: _Side, b: _Side, resamples: int, seed: int, level: float) -> Difference:
    """The interval and the test of two medians, both from resampled differences."""
    value, valued = a.value - b.value, min(a.valued, b.valued)
    if valued < FEWEST:
        return Difference(value, np.nan, np.nan, np.nan, "few")
    draws = _finite(a.resampled(resamples, seed) - b.resampled(resamples, seed))
    interval = _percentile(draws, a, b, level)
    tail = min(int(np.sum(draws <= 0)), int(np.sum(draws >= 0)))
    p = min(1.0, 2 * (tail + 1) / (len(draws) + 1))
    if tail < RARE and interval.method != "constant":
        error = float(draws.std())
        modelled = tail_p(np.abs(draws - value) / error, abs(value) / error, valued - 1)
        p = p if np.isnan(modelled) else min(p, max(modelled, LEAST))
    return _tested(value, interval, max(p, 2.0 ** (1 - valued)), "bootstrap")


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
