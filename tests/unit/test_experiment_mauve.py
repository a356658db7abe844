"""What experiments/mauve measures with: the clouds, the truths, and the tables."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.mauve import coverage, growth, ties
from experiments.mauve.clouds import cloud, evidences
from harness.metrics import clusters
from harness.metrics.mauve import Mauve

needs = pytest.mark.skipif(not clusters.installed(), reason="needs the extra mauve")


def test_clouds_lie_as_far_apart_as_they_say_and_grow_by_more_of_the_same() -> None:
    here, there = cloud(4_000, 16, 0.0, 0), cloud(4_000, 16, 2.0, 1)
    assert np.linalg.norm(here.mean(axis=0) - there.mean(axis=0)) == pytest.approx(2.0, abs=0.1)
    assert here[:100].tolist() == cloud(100, 16, 0.0, 0).tolist()
    assert here.dtype == np.float32


@needs
def test_the_references_reach_the_ceiling_and_shifted_clouds_do_not() -> None:
    metric, p = Mauve(min_texts=10, seeds=1), cloud(100, 8, 0.0, 0)
    assert evidences(p, None, metric).keys() == {"mauve-split"}
    ours, human = evidences(p, cloud(100, 8, 3.0, 1), metric), evidences(p, None, metric)
    assert ours["mauve-split"].value < human["mauve-split"].value - 0.2


@needs
def test_growth_has_a_row_per_size_and_shift() -> None:
    rows = growth.measure([20, 40])
    assert [(row["texts"], row["shift"]) for row in rows] == [(20, 0.0), (20, 1.5), (40, 0.0), (40, 1.5)]
    for row in rows:
        assert row["mauve"]["low"] <= row["mauve"]["value"] <= row["mauve"]["high"]
    assert len(growth.table(rows).splitlines()) == 6


@needs
def test_coverage_takes_the_mean_over_draws_for_the_truth_and_none_for_a_difference() -> None:
    rows = coverage.measure([coverage.Setting(40, 4, 1.0, 6)])
    found = {row["number"]: row for row in rows}
    assert {"mauve", "mauve, difference", "mauve-split", "ceiling", "gap to the ceiling"} <= found.keys()
    assert found["mauve, difference"]["truth"] == 0
    assert 0 < found["mauve"]["truth"] < 1
    assert found["mauve"]["sd"] > 0
    assert all(0 <= row["coverage"] <= 1 for row in rows)
    assert len(coverage.table(rows).splitlines()) == 3


def test_coverage_counts_the_intervals_that_hold_the_truth() -> None:
    setting = coverage.Setting(40, 4, 1.0, 4)
    intervals = [(1.0, 0.0, 2.0), (2.0, 1.9, 2.1), (0.0, -0.1, 0.1), (1.0, 0.9, 1.1)]
    found = np.array([[value, low, high, low + 1, high + 1, 0.1] for value, low, high in intervals])
    row = coverage._row(setting, "mauve", found)
    assert (row["truth"], row["coverage"]) == (1.0, 0.5)
    assert row["coverage without noise"] == 0.5  # of the first and the third, both moved by 1
    assert coverage._row(setting, "mauve, difference", found)["coverage"] == 0.5  # 0 is in the first and the third


def test_ties_are_found_in_equal_histograms_of_two_buckets() -> None:
    rows = ties.measure([2, 20], draws=200)
    found = {(row["buckets"], row["kind"]): row for row in rows}
    assert 0.05 < found[2, "equal"]["share"] < 0.5
    assert found[2, "equal"]["largest"] == pytest.approx(0.25)
    assert found[2, "one text moved"]["share"] == 0
    assert found[20, "equal"]["share"] == 0
    assert len(ties.table(rows).splitlines()) == 4
