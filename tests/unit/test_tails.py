"""Tails beyond what resampling counts, of distributions whose tails are known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from harness.tails import tail_p


@pytest.mark.parametrize("freedom", [8, 30, 1000])
@pytest.mark.parametrize("p", [1e-5, 1e-7])
def test_of_students_t_it_is_seldom_less_than_the_truth_and_of_its_size(freedom: int, p: float) -> None:
    rng = np.random.default_rng(0)
    far = float(scipy.stats.t.isf(p / 2, freedom))
    found = [tail_p(np.abs(rng.standard_t(freedom, 100_000)), far, freedom) for _ in range(20)]
    assert min(found) >= p  # Student's t as it is, at least
    assert np.median(found) < 30 * p


def test_a_heavier_tail_makes_a_larger_p() -> None:
    rng = np.random.default_rng(1)
    far = float(scipy.stats.t.isf(1e-6 / 2, 5))
    estimates = [tail_p(np.abs(rng.standard_t(5, 100_000)), far, 1000) for _ in range(20)]  # 1000 would give 1e-17
    assert 1e-7 < np.median(estimates) < 3e-5


def test_it_is_stretched_with_its_unit() -> None:
    found = np.abs(np.random.default_rng(2).standard_t(20, 20_000))
    assert tail_p(found * 2, 16.0, 500) == pytest.approx(tail_p(np.sort(found), 8.0, 500), rel=1e-6)


def test_nothing_is_said_of_few_resamples_or_of_a_tail_without_end() -> None:
    found = np.abs(np.random.default_rng(3).normal(size=4000))
    assert np.isfinite(tail_p(found, 9.0, 50))
    assert np.isnan(tail_p(found[:1999], 9.0, 50))
    assert np.isnan(tail_p(np.where(found > np.quantile(found, 0.99), np.inf, found), 9.0, 50))
    assert np.isnan(tail_p(np.zeros(4000), 9.0, 50))
