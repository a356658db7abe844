"""Resampling prompts: how often each is drawn, and what the numbers are then."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.uint8]

_CHUNK = 2**17  # resampled prompts, and items of a median, in memory at once, whatever the size of the corpus
_KEPT = 2**26  # up to so many (64 MB; 6,700 prompts 10,000 times) are kept for the next number of the same prompts


def resampled_sums(sums: Floats, resamples: int, seed: int) -> Floats:
    """[resamples, k] sums over as many clusters as there are, drawn with replacement.

    A resample is a row of how often each cluster was drawn (multinomial), and its sum a matrix product with `sums`.
    """
    return np.concatenate([counts.astype(np.float64) @ sums for counts in _counts(len(sums), resamples, seed)])


def resampled_medians(items: Floats, cluster: NDArray[np.int64], clusters: int, resamples: int, seed: int) -> Floats:
    """[resamples] the median of the items of clusters drawn with replacement: every item as often as its cluster.

    That is np.median of the items written out: the mean of the two in the middle where their number is even. A
    resample without items is NaN.

    Args:
        items: [items] none of them NaN.
        cluster: [items] the cluster of each.
        clusters: how many there are, those without items too.
        resamples: how many.
        seed: of the resampling; the same clusters are drawn as by `resampled_sums`.
    """
    order = np.argsort(items, kind="stable")
    ranked, cluster = items[order], cluster[order]
    found = []
    rows = max(1, _CHUNK // max(1, len(items)))  # a cluster may have many items
    chunks = _counts(clusters, resamples, seed)
    for counts in (some[start : start + rows] for some in chunks for start in range(0, len(some), rows)):
        upto = np.cumsum(counts[:, cluster], dtype=np.int64)  # items of that rank or a lower one, and of earlier rows
        ends = upto[len(items) - 1 :: len(items)]
        starts = np.concatenate([[0], ends[:-1]])
        total = ends - starts
        middle = [np.searchsorted(upto, starts + place) for place in ((total + 1) // 2, total // 2 + 1)]
        lower, upper = (ranked[at % len(items)] for at in middle)
        found.append(np.where(total > 0, (lower + upper) / 2, np.nan))
    return np.concatenate(found)


def _counts(clusters: int, resamples: int, seed: int) -> Iterator[Counts]:
    """Chunks [some, clusters] of how often each resample draws each cluster; they depend on nothing else."""
    if resamples * clusters > _KEPT:
        yield from _drawn(clusters, resamples, seed)
        return
    kept, rows = _all(clusters, resamples, seed), max(1, _CHUNK // clusters)
    for start in range(0, resamples, rows):
        yield kept[start : start + rows]


@lru_cache(maxsize=1)
def _all(clusters: int, resamples: int, seed: int) -> Counts:
    return np.concatenate(list(_drawn(clusters, resamples, seed)))


def _drawn(clusters: int, resamples: int, seed: int) -> Iterator[Counts]:
    rng = np.random.default_rng(seed)
    rows = max(1, _CHUNK // clusters)
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        drawn = rng.integers(clusters, size=(size, clusters)) + np.arange(size)[:, None] * clusters
        counts = np.bincount(drawn.ravel(), minlength=size * clusters).reshape(size, clusters)
        # A cluster is drawn once on average: 256 times has a chance below 1 / 256!, so 8 bits hold it.
        yield counts.astype(np.uint8)
