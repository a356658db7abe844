from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.jackknife import groups
from harness.metrics import clusters
from harness.metrics.comparison import FIRST_SEED, MEASURES, Comparison, compare
from harness.metrics.divergence import SMOOTHING, area, curve, frontier_integral, shares
from harness.metrics.pairing import Pair

pytestmark = pytest.mark.skipif(not clusters.installed(), reason="needs the extra mauve")

IDS = [f"p{i}" for i in range(60)]
GROUPS = groups(IDS)
ROWS = np.arange(60)
P = np.random.RandomState(0).randn(60, 6).astype(np.float32)
Q = (np.random.RandomState(1).randn(60, 6) + 0.4).astype(np.float32)


def by_hand(seed: int, p: NDArray[np.int64], q: NDArray[np.int64], buckets: int = 6) -> list[float]:
    """Cluster all, then count the texts of these rows alone."""
    of_p, of_q = clusters.labels(P, Q, buckets, seed)
    counts = [np.bincount(found[rows], minlength=buckets).astype(float) for found, rows in ((of_p, p), (of_q, q))]
    raw, smooth = ([shares(side, by) for side in counts] for by in (0.0, SMOOTHING))
    return [float(area(*raw)), float(area(*smooth)), float(frontier_integral(*raw))]  # type: ignore[arg-type]


def test_the_number_without_a_group_is_that_of_the_other_texts_in_the_same_clusters() -> None:
    found = compare([Pair(ROWS, ROWS)], (P, Q), (GROUPS, GROUPS), 6, seeds=2, scaling_factor=5.0).found
    assert found.shape == (2, 1, 21, 3)
    for i, seed in enumerate((FIRST_SEED, FIRST_SEED + 1)):
        np.testing.assert_allclose(found[i, 0, 0], by_hand(seed, ROWS, ROWS), rtol=1e-12)
        for group in range(20):
            rest = np.flatnonzero(group != GROUPS)
            np.testing.assert_allclose(found[i, 0, 1 + group], by_hand(seed, rest, rest), rtol=1e-12)


def test_rows_are_picked_from_either_side() -> None:
    p, q = ROWS[::2], ROWS[1::2]
    found = compare([Pair(p, q)], (P, Q), (GROUPS, GROUPS), 3, seeds=1, scaling_factor=5.0).found
    of_p, of_q = clusters.labels(P[p], Q[q], 3, FIRST_SEED)
    counts = [np.bincount(side, minlength=3).astype(float) for side in (of_p, of_q)]
    assert found[0, 0, 0, 0] == pytest.approx(float(area(shares(counts[0]), shares(counts[1]))), rel=1e-12)
    rest = [np.bincount(s[GROUPS[r] != 4], minlength=3).astype(float) for s, r in ((of_p, p), (of_q, q))]
    assert found[0, 0, 5, 2] == pytest.approx(float(frontier_integral(*map(shares, rest))), rel=1e-12)


def test_mauve_alone_has_a_curve_the_mean_over_seeds() -> None:
    found = compare([Pair(ROWS, ROWS)], (P, Q), (GROUPS, GROUPS), 6, seeds=2, scaling_factor=5.0)
    expected = []
    for seed in (FIRST_SEED, FIRST_SEED + 1):
        of_p, of_q = clusters.labels(P, Q, 6, seed)
        p, q = (shares(np.bincount(side, minlength=6).astype(float)) for side in (of_p, of_q))
        expected.append(curve(p, q, 5.0))
    scores = [found.score(measure, name, better, "s") for measure, (name, better) in enumerate(MEASURES)]
    assert scores[0].curve is not None
    np.testing.assert_allclose(scores[0].curve, np.mean(expected, axis=0), rtol=1e-12)
    assert [score.curve for score in scores[1:]] == [None, None]


def test_a_score_is_the_mean_over_seeds_and_pairs_with_the_noise_of_the_seeds() -> None:
    found = np.arange(2 * 3 * 5 * 3, dtype=float).reshape(2, 3, 5, 3) ** 1.1
    score = Comparison(found).score(2, "frontier-integral", "low", "s")
    assert score.value == pytest.approx(found[:, :, 0, 2].mean())
    assert score.left_out is not None
    assert score.left_out.tolist() == pytest.approx([found[:, :, 1 + g, 2].mean() for g in range(4)])
    means = [found[0, :, 0, 2].mean(), found[1, :, 0, 2].mean()]
    assert score.noise == pytest.approx(((means[0] - means[1]) / 2) ** 2)  # variance of the mean of two
    assert (score.name, score.better, score.signature, score.stats) == ("frontier-integral", "low", "s", None)
    assert Comparison(found[:1]).score(0, "mauve", "high", "s").noise == 0


def test_without_its_only_group_nothing_is_left() -> None:
    one = np.zeros(60, dtype=np.int64)
    comparison = compare([Pair(ROWS, ROWS)], (P, Q), (one, one), 6, seeds=1, scaling_factor=5.0)
    for measure, (name, better) in enumerate(MEASURES):
        score = comparison.score(measure, name, better, "s")
        assert np.isfinite(score.value)
        assert score.left_out is not None
        assert np.isnan(score.left_out).tolist() == [True]
