from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.jackknife import GROUPS, difference, groups, interval, sizes

Floats = NDArray[np.float64]


def names(n: int) -> list[str]:
    return [f"p{i}" for i in range(n)]


def means_without(items: Floats, group: NDArray[np.int64]) -> Floats:
    return np.array([items[group != g].mean() for g in range(group.max() + 1)])


@given(st.integers(1, 90), st.integers(1, 3), st.randoms())
def test_groups_are_even_hold_prompts_whole_and_do_not_mind_the_order(n: int, samples: int, random: object) -> None:
    ids = [name for name in names(n) for _ in range(samples)]
    found = groups(ids)
    assert len(set(zip(ids, found.tolist(), strict=True))) == n
    counts = np.bincount(found[::samples])
    assert len(counts) == min(n, GROUPS)
    assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(sizes(ids), counts)
    order = np.random.default_rng(n).permutation(len(ids))
    np.testing.assert_array_equal(groups([ids[i] for i in order]), found[order])


def test_of_a_mean_it_is_students_interval() -> None:
    items = np.random.default_rng(0).exponential(size=18)  # fewer prompts than groups: each is a group
    expected = scipy.stats.ttest_1samp(items, 0).confidence_interval()
    found = interval(items.mean(), means_without(items, groups(names(18))), sizes(names(18)))
    assert found.method == "jackknife"
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_of_equal_groups_it_is_students_interval_of_their_means() -> None:
    items = np.random.default_rng(1).exponential(size=100)
    group = groups(names(100))
    means = [items[group == g].mean() for g in range(GROUPS)]
    expected = scipy.stats.ttest_1samp(means, 0).confidence_interval(0.9)
    found = interval(items.mean(), means_without(items, group), sizes(names(100)), level=0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_unequal_groups_weigh_as_their_prompts() -> None:
    # Of a mean, Busing et al.'s variance is the mean over groups of (group mean - mean)^2 / (n / size - 1).
    items = np.random.default_rng(2).exponential(size=31)
    group, size = groups(names(31)), sizes(names(31))
    means = np.array([items[group == g].mean() for g in range(GROUPS)])
    error = np.sqrt(np.mean((means - items.mean()) ** 2 / (31 / size - 1)))
    found = interval(items.mean(), means_without(items, group), size)
    reach = scipy.stats.t.ppf(0.975, GROUPS - 1) * error
    assert (found.high - found.low) / 2 == pytest.approx(reach)


@pytest.mark.parametrize("n", [30, 110, 1001])
def test_what_only_the_size_of_a_group_does_is_not_taken_for_chance(n: int) -> None:
    # The entropy of a corpus whose n-grams are all different: log2 of how many there are, whatever the texts.
    size = sizes(names(n))
    left_out = np.log2(n - size)
    found = interval(math.log2(n), left_out, size)
    naive = 2.09 * np.sqrt((GROUPS - 1) / GROUPS * np.sum((left_out - left_out.mean()) ** 2))
    assert (found.high - found.low) / 2 < naive / 25


def test_noise_adds_its_variance() -> None:
    items = np.random.default_rng(3).normal(size=20)
    left_out, size = means_without(items, groups(names(20))), sizes(names(20))
    plain, noisy = (interval(items.mean(), left_out, size, noise) for noise in (0.0, 0.25))
    t = scipy.stats.t.ppf(0.975, 19)
    squares = [((each.high - each.low) / 2 / t) ** 2 for each in (plain, noisy)]
    assert squares[1] - squares[0] == pytest.approx(0.25)
    alone = interval(0.5, np.full(20, 0.5), size, 0.25)
    assert (alone.low, alone.high) == pytest.approx((0.5 - t * 0.5, 0.5 + t * 0.5))


def test_where_there_is_none_it_says_so() -> None:
    size = np.ones(3)
    assert interval(1.0, np.array([1.0]), np.ones(1)).method == "none"
    assert interval(1.0, np.zeros(0), np.zeros(0)).method == "none"
    assert interval(1.0, np.array([1.0, np.nan, 2.0]), size).method == "none"
    assert interval(math.nan, np.array([1.0, 3.0, 2.0]), size).method == "none"
    constant = interval(0.1, np.array([0.1, 0.1, 0.1 + 1e-17]), size)
    assert np.isnan([constant.low, constant.high]).all()
    assert constant.method == "constant"
    nothing = difference(1.0, np.array([1.0, np.nan]), 0.5, np.array([0.5, 0.5]), np.ones(2))
    assert nothing.value == 0.5
    assert np.isnan([nothing.low, nothing.high, nothing.p]).all()
    assert (nothing.method, nothing.test) == ("none", "none")
    with pytest.raises(ValueError, match="2 groups on one side, 3 on the other"):
        difference(1.0, np.ones(2), 1.0, np.ones(3), size)
    with pytest.raises(ValueError, match="2 numbers without a group, 3 groups"):
        interval(1.0, np.ones(2), size)


def test_the_difference_of_means_has_the_paired_t_test() -> None:
    rng = np.random.default_rng(4)
    prompt = 10 * rng.normal(size=18)
    a, b = prompt + rng.normal(0.5, 1, 18), prompt + rng.normal(0, 1, 18)
    group, size = groups(names(18)), sizes(names(18))
    found = difference(a.mean(), means_without(a, group), b.mean(), means_without(b, group), size)
    expected = scipy.stats.ttest_rel(a, b)
    limits = expected.confidence_interval()
    assert (found.low, found.high, found.p) == pytest.approx((limits.low, limits.high, expected.pvalue))
    assert (found.method, found.test) == ("jackknife", "t")
    noisy = difference(a.mean(), means_without(a, group), b.mean(), means_without(b, group), size, 1.0)
    assert noisy.p > found.p


def test_equal_corpora_do_not_differ() -> None:
    left_out, size = np.linspace(0.4, 0.5, 20), np.ones(20)
    same = difference(0.45, left_out, 0.45, left_out, size)
    assert (same.value, same.p, same.method, same.test) == (0, 1, "constant", "t")
    assert np.isnan([same.low, same.high]).all()
    assert difference(0.45, left_out, 0.45, left_out, size, 0.01).p == pytest.approx(1)


def test_two_prompts_that_differ_alike_show_nothing() -> None:
    # One text a prompt, no n-gram of which is anywhere else: without either prompt each side has what it had.
    found = difference(0.5, np.array([0.5, 0.5]), 0.4, np.array([0.4, 0.4]), np.ones(2))
    assert found.value == pytest.approx(0.1)
    assert np.isnan([found.low, found.high, found.p]).all()
    assert (found.method, found.test) == ("constant", "none")
