"""Scores over resampled groups of prompts, against sums by hand and against the jackknife."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from harness import jackknife
from harness.evidence import LEFT_OUT, Evidence
from harness.resampling import resampled_sums
from harness.studies.replicates import Groups, replicates

IDS = [f"p{i}" for i in range(60)]  # three to a group
GROUPS = Groups(IDS, resamples=400)


def mean(items: NDArray[np.float64]) -> Evidence:
    """The mean of one item per prompt, as summands."""
    values = np.stack([items, np.ones_like(items)], axis=1)
    return Evidence("mean", "mean|v:1", float(items.mean()), "ratio", np.array(IDS), values, "")


def without_groups(items: NDArray[np.float64]) -> Evidence:
    """The same mean as a number that only the whole corpus has."""
    place = jackknife.groups(IDS)
    left = np.array([items[place != group].mean() for group in range(GROUPS.number)])
    values = np.stack([left, jackknife.sizes(IDS)], axis=1)
    units = np.arange(len(left)).astype(np.str_)
    return Evidence("mean", "mean|v:1", float(items.mean()), LEFT_OUT, units, values, "")


def test_groups_are_drawn_with_replacement() -> None:
    items = np.random.default_rng(0).normal(size=60)
    counts = resampled_sums(np.eye(20), 400, 0)
    place = jackknife.groups(IDS)
    expected = [np.repeat(items, row[place].astype(int)).mean() for row in counts]
    np.testing.assert_allclose(GROUPS.replicate(mean(items)), expected)


def test_medians_are_those_of_the_texts_drawn() -> None:
    items = np.random.default_rng(1).normal(size=60)
    items[::7] = np.nan
    evidence = replace(mean(items), kind="median", values=items[:, None])
    counts, place = resampled_sums(np.eye(20), 400, 0), jackknife.groups(IDS)
    expected = [np.nanmedian(np.repeat(items, row[place].astype(int))) for row in counts]
    np.testing.assert_allclose(GROUPS.replicate(evidence), expected)


def test_a_mean_known_without_each_group_alone_is_resampled_alike() -> None:
    items = np.random.default_rng(2).gamma(2, size=60)
    np.testing.assert_allclose(GROUPS.replicate(without_groups(items)), GROUPS.replicate(mean(items)))


def test_noise_is_added_and_each_jobs_own() -> None:
    quiet = without_groups(np.ones(60) + np.random.default_rng(3).normal(size=60))
    loud = replace(quiet, noise=4.0)
    added = GROUPS.replicate(loud) - GROUPS.replicate(quiet)
    assert added.std() == pytest.approx(2.0, rel=0.15)
    other = GROUPS.replicate(replace(loud, value=loud.value + 1e-9)) - GROUPS.replicate(quiet)
    assert abs(np.corrcoef(added, other)[0, 1]) < 0.2


def test_an_interval_is_as_wide_as_the_jackknifes() -> None:
    items = np.random.default_rng(4).normal(size=60)
    evidence, groups = without_groups(items), Groups(IDS, resamples=20_000)
    ours, theirs = groups.interval(groups.replicate(evidence), evidence.value), evidence.interval()
    assert ours.high - ours.low == pytest.approx(theirs.high - theirs.low, rel=0.05)


def test_there_is_no_interval_of_few_groups_or_of_a_constant() -> None:
    few = Groups(IDS[:3], resamples=50)
    assert not few.enough
    assert np.isnan(few.interval(np.random.default_rng(0).normal(size=50), 0.0).low)
    assert GROUPS.interval(np.ones(400), 1.0).method == "constant"
    gone = np.where(np.arange(400) % 2, np.nan, np.arange(400.0))
    assert GROUPS.interval(gone, 1.0).method == "none"


def test_a_job_without_evidence_has_no_replicates() -> None:
    found = replicates(GROUPS, [{"mean": mean(np.arange(60.0))}, {}], "mean")
    assert found.shape == (400, 2)
    assert np.isfinite(found[:, 0]).all()
    assert np.isnan(found[:, 1]).all()
