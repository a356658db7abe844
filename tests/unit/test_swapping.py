"""The p-values are those of all swaps, counted one by one."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from harness.swapping import swap_p

Floats = NDArray[np.float64]
SWAPS = 20_000


def mean_stats(items: Floats) -> Floats:
    return np.stack([items, np.ones_like(items)], axis=1)


def noise(p: float) -> float:
    """Four standard errors of a share of `SWAPS`."""
    return 4 * float(np.sqrt(p * (1 - p) / SWAPS)) + 1 / SWAPS


def ratio_of(sums: Floats) -> float:
    return float(sums[0] / sums[1])


def product_of(sums: Floats) -> float:
    return float(np.prod(1 - sums[::2] / sums[1::2]))


def studentised(a: Floats, b: Floats, number: object) -> float:
    """|difference| over its standard error, from how the number moves when a prompt weighs a little more."""
    assert callable(number)

    def moves(sums: Floats) -> Floats:
        step = 1e-6
        return np.array([number(sums.sum(0) + step * s) - number(sums.sum(0) - step * s) for s in sums]) / (2 * step)

    error = np.sqrt(np.sum((moves(a) - moves(b)) ** 2))
    return float(abs(number(a.sum(0)) - number(b.sum(0))) / error)


def every_swap(a: Floats, b: Floats, number: object) -> float:
    """The p-value from all swaps there are."""
    observed = studentised(a, b, number)
    found = [
        studentised(np.where(np.array(s)[:, None], a, b), np.where(np.array(s)[:, None], b, a), number)
        for s in product([True, False], repeat=len(a))
    ]
    return float(np.mean(np.array(found) >= observed * (1 - 1e-5)))


@pytest.mark.parametrize("seed", range(4))
def test_of_means_it_is_the_permutation_t_test(seed: int) -> None:
    rng = np.random.default_rng(seed)
    prompt = rng.normal(size=11)
    a, b = np.exp(prompt + rng.normal(size=11)), np.exp(prompt + rng.normal(size=11)) + 0.5 * seed

    def t(x: Floats, y: Floats, axis: int) -> Floats:
        return np.asarray(scipy.stats.ttest_rel(x, y, axis=axis).statistic)

    expected = scipy.stats.permutation_test((a, b), t, permutation_type="samples", vectorized=True).pvalue
    assert swap_p(mean_stats(a), mean_stats(b), False, SWAPS, 0) == pytest.approx(expected, abs=noise(expected))


@pytest.mark.parametrize("seed", range(3))
def test_of_ratios_it_counts_every_swap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 40, (2, 8))
    a, b = (
        np.stack([rng.binomial(n, p), n], axis=1).astype(np.float64) for n, p in zip(lengths, (0.2, 0.4), strict=True)
    )
    expected = every_swap(a, b, ratio_of)
    assert swap_p(a, b, False, SWAPS, 0) == pytest.approx(expected, abs=noise(expected))


@pytest.mark.parametrize("seed", range(3))
def test_of_products_it_counts_every_swap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (
        np.stack([c for less in (p, p / 2, p / 3) for c in (rng.binomial(30, less, 7), np.full(7, 30))], axis=1).astype(
            float
        )
        for p in (0.3, 0.4)
    )
    expected = every_swap(a, b, product_of)
    assert swap_p(a, b, True, SWAPS, 0) == pytest.approx(expected, abs=noise(expected))


def test_ties_count_as_no_smaller() -> None:
    # Shares of 6 and 2 in 12: of the 8 prompts that differ, 6 go one way. Every |difference| of 4 or more counts.
    a, b = mean_stats(np.repeat([1.0, 0.0, 0.0], [6, 2, 4])), mean_stats(np.repeat([0.0, 1.0, 0.0], [6, 2, 4]))
    expected = scipy.stats.binomtest(6, 8).pvalue  # the sign test
    assert swap_p(a, b, False, SWAPS, 0) == pytest.approx(expected, abs=noise(expected))
    level = mean_stats(np.repeat([1.0, 0.0, 0.0], [3, 3, 4])), mean_stats(np.repeat([0.0, 1.0, 0.0], [3, 3, 4]))
    assert swap_p(*level, False, SWAPS, 0) == 1


def test_equal_texts_have_p_1_and_no_p_is_0() -> None:
    rng = np.random.default_rng(0)
    stats = mean_stats(rng.exponential(size=50))
    assert swap_p(stats, stats.copy(), False, 999, 0) == 1
    assert swap_p(stats + [9.0, 0.0], stats, False, 999, 0) == 1 / 1000
    assert swap_p(stats + [1e-3, 0.0], stats, False, 999, 0) == 1 / 1000  # all prompts by the same


def test_small_differences_of_large_numbers_are_seen() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 60))
    near = swap_p(mean_stats(a), mean_stats(b), False, 2000, 0)
    far = swap_p(mean_stats(a + 1e6), mean_stats(b + 1e6), False, 2000, 0)
    assert far == pytest.approx(near, abs=0.002)


def test_swaps_that_leave_a_side_without_a_value_count_as_far() -> None:
    a, b = np.zeros((10, 2)), np.zeros((10, 2))
    a[:2], b[8:] = [[1, 1], [0, 1]], [[1, 1], [1, 1]]
    assert swap_p(a, b, False, 4000, 0) >= 2 / 16 - 0.02  # one swap in 8 brings all four prompts to one side
