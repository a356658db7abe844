"""Intervals and tests by resampling prompts. Knows no metric: only statistics per text and how their sums combine.

A number is `combine(stats.sum(axis=0))`, with `stats` [texts, k]. Texts of one prompt are alike, so prompts are
resampled and the texts of a prompt stay together (the cluster bootstrap); two strategies are compared on the same
resampled prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Combine = Literal["ratio", "exp-ratio", "complements", "median"]
"""How a number is made of the [texts, k] summands of its texts. Result files hold the name.

- `ratio`: sum of the first / sum of the second. A mean is (item, 1), a micro average (numerator, denominator).
- `exp-ratio`: exp of that.
- `complements`: the product over j of 1 - sum of column 2j / sum of column 2j + 1; columns 0 and 1 are j = 0.
- `median`: of the items in the only column; NaN has no value.
"""
Method = Literal["bca", "percentile"]


def ratio(sums: Floats) -> Floats:
    """[..., 2] -> [...]."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])


def exp_ratio(sums: Floats) -> Floats:
    """[..., 2] -> [...]."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(ratio(sums)))


def complements(sums: Floats) -> Floats:
    """[..., 2 j] -> [...]."""
    pairs = sums.reshape(*sums.shape[:-1], -1, 2)
    return np.asarray((1 - ratio(pairs)).prod(axis=-1))


COMBINES: dict[str, Callable[[Floats], Floats]] = {"ratio": ratio, "exp-ratio": exp_ratio, "complements": complements}
"""Those that are functions of the sums of the columns."""


def number(stats: Floats, combine: Combine) -> float:
    """The number that [texts, k] summands make; NaN where they make none."""
    if combine == "median":
        has = stats[~np.isnan(stats[:, 0]), 0]
        return float(np.median(has)) if len(has) else float("nan")
    return float(COMBINES[combine](stats.sum(axis=0)))


_CHUNK = 2**17  # resampled prompts in memory at once, whatever the size of the corpus


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; NaN where there is none."""

    low: float
    high: float
    # bca, percentile; constant: every resample gives the same; none: fewer than two prompts have a value, or the number
    # is not finite
    method: str


@dataclass(frozen=True, slots=True)
class Difference:
    """a - b with its percentile interval, and the two-sided p-value of there being none; NaN where there is none."""

    value: float
    low: float
    high: float
    p: float


def bootstrap(
    stats: Floats,
    clusters: Sequence[object],
    combine: Combine,
    *,
    resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
    method: Method = "bca",
) -> Interval:
    """The confidence interval of `combine(stats.sum(axis=0))`.

    `bca` is Efron's (1987) bias-corrected and accelerated interval, its acceleration from the jackknife over prompts;
    `percentile` takes the quantiles of the resamples as they are. Where BCa has no value (every resample on one side
    of the number, one prompt that outweighs the others, or one without which there is no number) the percentile
    interval is given; `Interval.method` says so. A prompt whose summands are all 0 has no value.

    Args:
        stats: [texts, k] summands of each text.
        clusters: [texts] the prompt of each text.
        combine: from sums [..., k] to the number [...].
        resamples: how many.
        seed: of the resampling; equal seeds resample the same prompts in every call.
        level: the share of such intervals that hold the true number.
        method: `bca` or `percentile`.
    """
    if combine == "median":
        return Interval(np.nan, np.nan, "none")
    whole = COMBINES[combine]
    sums, _ = _per_cluster(stats, clusters)
    if _valued(sums) < 2:
        return Interval(np.nan, np.nan, "none")
    value = float(whole(sums.sum(axis=0)))
    draws = _finite(whole(_resampled(sums, resamples, seed)))
    if not len(draws) or not np.isfinite(value):
        return Interval(np.nan, np.nan, "none")
    if np.allclose(draws, value, rtol=1e-12, atol=0):
        return Interval(value, value, "constant")
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    corrected = _bca(tails, draws, value, whole(sums.sum(axis=0) - sums)) if method == "bca" else tails
    if np.isnan(corrected).any():
        method, corrected = "percentile", tails
    low, high = np.quantile(draws, corrected)
    return Interval(float(low), float(high), method)


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

    Both sides are resampled with the same prompts, so what a prompt does to both cancels. The p-value is twice the
    smaller share of resampled differences on either side of zero, zeros counted on both, (count + 1) / (resamples + 1)
    so that it is never 0: but for that 1, it is below 1 - level where the percentile interval leaves zero out. Equal
    texts have p = 1.

    Args:
        stats_a: [texts, k] summands of each text of one strategy.
        stats_b: [texts, k] of the other.
        clusters: [texts] the prompt of each text of `stats_a`, and of `stats_b` unless it has its own.
        combine: from sums [..., k] to the number [...].
        clusters_b: [texts] the prompts of `stats_b`, where its texts are other in number or order.
        resamples: how many.
        seed: of the resampling.
        level: of the interval.

    Raises:
        ValueError: the two sides have not the same prompts.
    """
    whole = COMBINES[combine]
    sums_a, names_a = _per_cluster(stats_a, clusters)
    sums_b, names_b = _per_cluster(stats_b, clusters if clusters_b is None else clusters_b)
    if not np.array_equal(names_a, names_b):
        raise ValueError("paired: the two sides have not the same prompts")
    value = float(whole(sums_a.sum(axis=0)) - whole(sums_b.sum(axis=0)))
    if min(_valued(sums_a), _valued(sums_b)) < 2:
        return Difference(value, np.nan, np.nan, np.nan)
    both = _resampled(np.concatenate([sums_a, sums_b], axis=1), resamples, seed)
    k = sums_a.shape[1]
    draws = _finite(whole(both[:, :k]) - whole(both[:, k:]))
    if not len(draws) or not np.isfinite(value):
        return Difference(value, np.nan, np.nan, np.nan)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    tail = min(int(np.sum(draws <= 0)), int(np.sum(draws >= 0)))
    return Difference(value, float(low), float(high), min(1.0, 2 * (tail + 1) / (len(draws) + 1)))


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


def _per_cluster(stats: Floats, clusters: Sequence[object]) -> tuple[Floats, NDArray[np.str_]]:
    """([clusters, k] sums of the stats of each cluster, their names in order)."""
    if len(stats) != len(clusters):
        raise ValueError(f"{len(stats)} texts have stats, {len(clusters)} have a cluster")
    names, index = np.unique(np.asarray(clusters, dtype=np.str_), return_inverse=True)
    sums = np.zeros((len(names), stats.shape[1]))
    np.add.at(sums, index, stats)
    return sums, names


def _valued(sums: Floats) -> int:
    """How many clusters have a value: what all the others add to a number is 0, so it cannot vary with them."""
    return int(sums.any(axis=1).sum())


def _resampled(sums: Floats, resamples: int, seed: int) -> Floats:
    """[resamples, k] sums over as many clusters as there are, drawn with replacement.

    A resample is a row of how often each cluster was drawn (multinomial), and its sum a matrix product with `sums`.
    """
    return np.concatenate([weights @ sums for weights in _weights(len(sums), resamples, seed)])


def _weights(clusters: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Chunks [some, clusters] of how often each resample draws each cluster."""
    rng = np.random.default_rng(seed)
    rows = max(1, _CHUNK // clusters)
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        drawn = rng.integers(clusters, size=(size, clusters)) + np.arange(size)[:, None] * clusters
        yield np.bincount(drawn.ravel(), minlength=size * clusters).reshape(size, clusters).astype(np.float64)


def _bca(tails: Floats, draws: Floats, value: float, left_out: Floats) -> Floats:
    """The quantiles of `draws` that bound the BCa interval; NaN where it has none.

    Args:
        tails: [2] the quantiles of the percentile interval.
        draws: [resamples] the resampled numbers.
        value: the number itself.
        left_out: [clusters] the number without each cluster in turn.
    """
    from scipy.special import ndtr, ndtri  # takes longer to import than a command line may wait

    if not np.isfinite(left_out).all():
        return np.full(2, np.nan)
    deviation = left_out.mean() - left_out
    spread = float(np.sum(deviation**2))
    acceleration = float(np.sum(deviation**3)) / (6 * spread**1.5) if spread else 0.0
    bias = ndtri((np.mean(draws < value) + np.mean(draws <= value)) / 2)
    shifted = bias + ndtri(tails)
    shrunk = 1 - acceleration * shifted
    if not np.isfinite(bias) or (shrunk <= 0).any():
        return np.full(2, np.nan)
    return np.asarray(ndtr(bias + shifted / shrunk))


def _finite(values: Floats) -> Floats:
    return values[np.isfinite(values)]
