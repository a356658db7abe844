"""Where there are too few prompts, or too little in them, for the usual interval."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from harness.stats import COMBINES, Combine, Interval, bootstrap, paired

Floats = NDArray[np.float64]


def mean_stats(items: Floats) -> Floats:
    return np.stack([items, np.ones_like(items)], axis=1)


def skewed(n: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).exponential(size=n)


def test_where_there_is_no_interval_it_says_so() -> None:
    assert bootstrap(mean_stats(np.ones(3)), ["a", "a", "a"], "ratio").method == "none"
    for combine in get_args(Combine):
        columns = 1 if combine == "median" else 2
        assert bootstrap(np.zeros((0, columns)), [], combine).method == "none"
        one = paired(np.ones((1, columns)), np.ones((1, columns)), ["a"], combine)
        assert np.isnan([one.low, one.high, one.p]).all()
        assert (one.method, one.test) == ("none", "none")
        empty = np.full((5, columns), np.nan if combine == "median" else 0.0)
        assert bootstrap(empty, range(5), combine).method == "none"
    with pytest.raises(ValueError, match="3 texts"):
        bootstrap(mean_stats(np.ones(3)), ["a"], "ratio")


def test_a_number_that_rests_on_one_prompt_has_no_interval_and_no_test() -> None:
    items = np.full(40, np.nan)
    items[7] = 3.0
    one = np.stack([np.nan_to_num(items), ~np.isnan(items)], axis=1)
    assert bootstrap(one, range(40), "ratio").method == "none"
    assert bootstrap(items[:, None], range(40), "median").method == "none"
    for a, b in ((one, mean_stats(np.ones(40))), (mean_stats(np.ones(40)), one)):
        found = paired(a, b, range(40), "ratio")
        assert abs(found.value) == 2
        assert np.isnan([found.low, found.high, found.p]).all()
    two = one + one[::-1] * [2, 1]
    assert bootstrap(two, range(40), "ratio", method="bca") == Interval(3.0, 6.0, "percentile")  # so wide: BCa has none
    reach = 12.7062 * 1.5  # a second value, of 6: Student's interval of 3 and 6
    found_two = bootstrap(two, range(40), "ratio")
    assert (found_two.low, found_two.high, found_two.method) == pytest.approx((4.5 - reach, 4.5 + reach, "student"))


def test_bca_falls_back_where_the_jackknife_has_no_value() -> None:
    stats = np.stack([skewed(12), np.arange(12) == 3], axis=1)  # without prompt 3 the denominator is 0
    found = bootstrap(stats, range(12), "ratio")
    assert found.method == "percentile"
    assert found == bootstrap(stats, range(12), "ratio", method="percentile")


def test_a_number_that_is_not_finite_has_no_interval() -> None:
    stats = mean_stats(np.array([1.0, 2.0, np.inf, 4.0]))
    assert bootstrap(stats, range(4), "ratio").method == "none"
    assert np.isnan(paired(stats, mean_stats(np.ones(4)), range(4), "ratio").p)


@pytest.mark.parametrize("n", [2, 30])
@pytest.mark.parametrize("combine", ["ratio", "exp-ratio", "complements", "median"])
def test_where_every_resample_is_equal_there_is_no_interval(combine: Combine, n: int) -> None:
    stats = mean_stats(np.full(n, 0.1))[:, : 1 if combine == "median" else 2]
    found = bootstrap(stats, range(n), combine)
    assert np.isnan([found.low, found.high]).all()
    assert found.method == ("few" if combine == "median" and n == 2 else "constant")
    apart = paired(stats + 1 if combine == "median" else stats * [2, 1], stats, range(n), combine)
    assert np.isnan([apart.low, apart.high]).all()


@pytest.mark.parametrize("n", range(2, 8))
def test_a_few_prompts_have_students_interval(n: int) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.normal(3, 1, (2, n))
    expected = scipy.stats.ttest_1samp(a, 0).confidence_interval()
    found = bootstrap(mean_stats(a), range(n), "ratio")
    assert (found.low, found.high, found.method) == pytest.approx((expected.low, expected.high, "student"))
    logs = bootstrap(mean_stats(a), range(n), "exp-ratio")
    assert (logs.low, logs.high) == pytest.approx((np.exp(expected.low), np.exp(expected.high)))
    both = paired(mean_stats(a), mean_stats(b), range(n), "ratio")
    limits = scipy.stats.ttest_rel(a, b).confidence_interval()
    assert (both.low, both.high, both.method) == pytest.approx((limits.low, limits.high, "student"))
    assert both.p >= 2.0 ** (1 - n) * 0.9  # no fewer swaps than that are as far apart
    assert bootstrap(mean_stats(rng.normal(size=8)), range(8), "ratio").method == "bca"


def test_of_few_prompts_products_and_perplexities_are_linearised() -> None:
    rng = np.random.default_rng(8)
    lengths = rng.integers(200, 220, (5, 1))
    stats = np.concatenate([c for p in (0.3, 0.2) for c in (rng.binomial(lengths, p), lengths)], axis=1).astype(float)
    combines: tuple[Combine, ...] = ("complements", "exp-ratio")
    for combine in combines:
        columns = stats if combine == "complements" else stats[:, :2]
        without = np.array([COMBINES[combine](columns.sum(axis=0) - row) for row in columns])
        jackknife = np.sqrt(4 / 5 * np.sum((without - without.mean()) ** 2))  # nearly the same for so even lengths
        for found in (bootstrap(columns, range(5), combine), paired(columns, np.ones_like(columns), range(5), combine)):
            assert (found.high - found.low) / 2 == pytest.approx(scipy.stats.t.ppf(0.975, 4) * jackknife, rel=0.02)


@pytest.mark.parametrize("n", range(2, 6))
def test_a_few_prompts_have_95_in_100_intervals(n: int) -> None:
    rng, sims = np.random.default_rng(n), 400
    made = [bootstrap(mean_stats(rng.normal(1, 1, n)), range(n), "ratio") for _ in range(sims)]
    assert np.mean([each.low <= 1 <= each.high for each in made]) > 0.95 - 3.5 * np.sqrt(0.05 * 0.95 / sims)


def test_a_median_of_a_few_prompts_has_no_interval_and_no_test() -> None:
    items = skewed(6)[:, None]
    for n in range(2, 6):
        found = bootstrap(items[:n], range(n), "median")
        assert found.method == "few"
        assert np.isnan([found.low, found.high]).all()
        apart = paired(items[:n] + 9, items[:n], range(n), "median")
        assert (apart.method, apart.test) == ("few", "none")
        assert np.isnan([apart.low, apart.high, apart.p]).all()
    assert bootstrap(items, range(6), "median").method == "percentile"
    # All six to one side are worth 2 in 64, however far.
    assert paired(items + 9, items, range(6), "median").p == pytest.approx(2 / 64)
