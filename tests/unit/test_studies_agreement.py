"""Rank correlations of very many tables at once, against scipy's of one at a time; and what is made of them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from harness.metrics.base import Better
from harness.results import ScoreRecord, read_sweep
from harness.studies.agreements.pairs import pairs
from harness.studies.agreements.ranks import alike, better_half, kendall, spearman
from harness.studies.agreements.verdicts import goodness, target, verdicts
from harness.studies.replicates import Groups
from tests import sweeps


@pytest.fixture
def tables() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """[300, 9 strategies, 4 scores] with ties; more tables than are taken at once."""
    return np.random.default_rng(0).integers(5, size=(300, 9, 4)).astype(np.float64)


def test_correlations_are_scipys(tables: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    rho, tau = spearman(tables), kendall(tables)
    assert rho.shape == tau.shape == (300, 4, 4)
    for which in (0, 17, 299):
        np.testing.assert_allclose(rho[which], spearmanr(tables[which]).statistic, atol=1e-12)
        expected = [[kendalltau(a, b).statistic for a in tables[which].T] for b in tables[which].T]
        np.testing.assert_allclose(tau[which], expected, atol=1e-12)


def test_one_table_is_enough_and_a_constant_column_has_no_rank() -> None:
    table = np.stack([np.arange(6.0), -np.arange(6.0), np.ones(6)], axis=1)
    for found in (spearman(table), kendall(table)):
        assert found[0, 1] == pytest.approx(-1)
        assert np.isnan(found[2]).all()


def test_scores_that_correlate_stand_together() -> None:
    block = np.full((4, 4), -0.5)
    for one, other in ((0, 2), (1, 3)):
        block[one, other] = block[other, one] = 0.9
    np.fill_diagonal(block, 1)
    order = alike(block)
    assert sorted(order) == [0, 1, 2, 3]
    assert abs(order.index(0) - order.index(2)) == 1
    assert abs(order.index(1) - order.index(3)) == 1
    assert alike(np.eye(2)) == [0, 1]


def test_the_better_half_has_the_better_mean_ranks() -> None:
    table = np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 20.0], [0.0, 0.0], [4.0, 5.0]])  # ranks 2 3, 3 5, 4 4, 1 1, 5 2
    assert better_half(table) == [1, 2, 4]


def test_larger_is_better_whichever_way_a_score_points() -> None:
    values = np.array([[1.0, 1.0, 1.0], [3.0, 3.0, 3.0]])
    found = goodness(values, np.full((2, 3), 2.5), ["high", "low", "reference"])
    np.testing.assert_allclose(found, [[1, -1, -1.5], [3, -3, -0.5]])


def record(better: Better, gap: float | None = None, reference: float | None = None) -> ScoreRecord:
    return ScoreRecord("s", 5.0, better, "s|v:1", gap=gap, reference=reference)


def test_what_a_score_should_be_near_to_is_measured_at_equal_lengths_if_it_can_be() -> None:
    assert target(record("reference", gap=2.0, reference=4.5)) == 3.0
    assert target(record("reference", reference=4.5)) == 4.5
    assert target(record("high")) == 0.0
    assert math.isnan(target(record("reference")))


def test_a_pair_is_shown_to_reverse_only_where_its_interval_is_below_zero() -> None:
    groups = Groups([f"p{i}" for i in range(40)], resamples=500)
    rho = np.array([[1.0, -0.8, 0.1], [-0.8, 1.0, 1.0], [0.1, 1.0, 1.0]])
    rng = np.random.default_rng(0)
    drawn = np.clip(rho + rng.normal(scale=0.1, size=(500, 3, 3)), -1, 1)
    drawn[:, 1, 2] = 1.0  # in every resample
    found = {(each.one, each.other): each for each in pairs(["a", "b", "c"], rho, drawn, rho / 2, groups)}
    assert found["a", "b"].reverses
    assert found["a", "b"].tau == pytest.approx(-0.4)
    assert not found["a", "c"].reverses
    assert not found["a", "c"].agrees
    assert found["b", "c"].agrees
    assert next(iter(found)) == ("a", "b")


def test_scores_that_tell_nothing_apart_are_left_out_with_a_reason(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path / "sweep", sweeps.SIX, prompts=8))
    groups = Groups(sweep.jobs[0].generations["prompt_id"].tolist(), resamples=20)
    found = verdicts(sweep.jobs, groups)
    assert found.goodness.shape == (6, len(found.names))
    assert found.drawn.shape == (20, 6, len(found.names))
    assert "length" in found.left_out
    assert "same for all" in found.left_out["length"]
    mauve = found.names.index("mauve")
    assert found.better[mauve] == "high"
    values = {job.label: score.value for job in sweep.jobs for score in job.scores if score.name == "mauve"}
    assert found.best(mauve) == max(values, key=values.__getitem__)
    near = found.names.index("rep-2")
    expected = [-abs(s.value - (s.reference or 0)) for job in sweep.jobs for s in job.scores if s.name == "rep-2"]
    np.testing.assert_allclose(found.goodness[:, near], expected)
