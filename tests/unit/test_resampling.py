"""What is resampled is a multinomial draw of prompts; medians are those of the items written out."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness import resampling
from harness.resampling import resampled_medians, resampled_sums

Counts = NDArray[np.int64]


def counts(clusters: int, resamples: int, seed: int = 0) -> Counts:
    """[resamples, clusters] how often each was drawn: the sums of ones that each has to itself."""
    return resampled_sums(np.eye(clusters), resamples, seed).astype(np.int64)


def test_every_cluster_is_drawn_with_the_same_chance() -> None:
    drawn = counts(12, 4000)
    assert (drawn.sum(axis=1) == 12).all()
    assert scipy.stats.chisquare(drawn.sum(axis=0)).pvalue > 0.001
    often = np.bincount(drawn[:, 0], minlength=6)
    expected = scipy.stats.binom(12, 1 / 12).pmf(np.arange(6)) * 4000
    assert np.abs(often[:6] - expected).max() < 4 * np.sqrt(expected.max())
    assert not np.array_equal(drawn, counts(12, 4000, seed=1))


def test_one_of_many_clusters_is_counted_right() -> None:
    drawn = counts(700, 50)  # more than the 255 that a count could be
    assert (drawn.sum(axis=1) == 700).all()


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3)), min_size=1, max_size=12),
    st.integers(5, 8),
)
def test_medians_are_those_of_the_items_written_out(texts: list[tuple[int, int]], clusters: int) -> None:
    cluster, items = np.array([c for c, _ in texts]), np.array([float(x) for _, x in texts])
    found = resampled_medians(items, cluster, clusters, 60, seed=3)
    for drawn, median in zip(counts(clusters, 60, seed=3), found, strict=True):
        written = np.repeat(items, drawn[cluster])
        expected = np.median(written) if len(written) else np.nan
        np.testing.assert_equal(median, expected)


def test_chunks_and_what_is_kept_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    sums, items = rng.random((64, 2)), rng.random(64)
    place = np.arange(64)

    def both() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        resampling._all.cache_clear()
        return resampled_sums(sums, 500, 0), resampled_medians(items, place, 64, 500, 0)

    whole = both()
    for name, size in (("_CHUNK", 64 * 7), ("_KEPT", 64)):
        monkeypatch.setattr(resampling, name, size)
        chunked = both()
        np.testing.assert_allclose(whole[0], chunked[0], rtol=1e-12)
        np.testing.assert_array_equal(whole[1], chunked[1])
    resampling._all.cache_clear()


def test_many_items_a_cluster_take_no_more_memory() -> None:
    items = np.random.default_rng(0).random(3000)
    tracemalloc.start()
    resampled_medians(items, np.repeat(np.arange(5), 600), 5, 4000, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6
