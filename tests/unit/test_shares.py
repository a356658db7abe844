from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.shares import difference, effective, wilson

Floats = NDArray[np.float64]


def singles(hits: int, texts: int) -> Floats:
    """One text a prompt."""
    return np.stack([np.arange(texts) < hits, np.ones(texts)], axis=1).astype(np.float64)


@given(st.integers(1, 300), st.data(), st.sampled_from([0.8, 0.95]))
def test_one_text_a_prompt_has_wilsons_interval(texts: int, data: st.DataObject, level: float) -> None:
    hits = data.draw(st.integers(0, texts))
    expected = scipy.stats.binomtest(hits, texts).proportion_ci(level, method="wilson")
    assert wilson(singles(hits, texts), level) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_texts_of_a_prompt_that_are_the_same_count_once() -> None:
    once, thrice = singles(7, 40), 3 * singles(7, 40)
    assert effective(thrice) == pytest.approx(39)  # a variance of 40 divides by 39
    student = 2 * scipy.stats.norm.cdf(scipy.stats.t.ppf(0.975, 39)) - 1  # the level whose normal quantile it is
    fewer = wilson(thrice, 0.95)
    assert fewer == pytest.approx(wilson(once, student), rel=0.02)
    assert fewer[0] < wilson(once, 0.95)[0] < wilson(once, 0.95)[1] < fewer[1]


def test_texts_of_a_prompt_that_have_nothing_in_common_count_all() -> None:
    rng = np.random.default_rng(0)
    hits = rng.binomial(4, 0.3, 5000)
    assert effective(np.stack([hits, np.full(5000, 4)], axis=1).astype(np.float64)) == pytest.approx(20_000, rel=0.05)
    even = np.stack([np.full(30, 2.0), np.full(30, 4.0)], axis=1)  # more alike than chance: no more than there are
    assert effective(even) == 120


def test_where_all_are_alike_a_prompt_counts_once() -> None:
    for hits in (0, 4):
        sums = np.stack([np.full(30, float(hits)), np.full(30, 4.0)], axis=1)
        student = 2 * scipy.stats.norm.cdf(scipy.stats.t.ppf(0.975, 29)) - 1
        expected = scipy.stats.binomtest(30 * hits // 4, 30).proportion_ci(student, method="wilson")
        assert wilson(sums, 0.95) == pytest.approx((expected.low, expected.high), abs=1e-12)
    sums[:5] = 0  # prompts without texts count for nothing
    assert effective(sums) == 25


@pytest.mark.parametrize(("prompts", "texts"), [(5, 20), (10, 10)])
def test_a_few_clusters_have_95_in_100_intervals(prompts: int, texts: int) -> None:
    rng, sims = np.random.default_rng(1), 2000
    # Of the variance of a text a third is the prompt's.
    counts = rng.binomial(texts, rng.beta(0.6, 1.4, (sims, prompts)))
    made = [wilson(np.stack([c, np.full(prompts, texts)], axis=1).astype(np.float64), 0.95) for c in counts]
    held = np.mean([low <= 0.3 <= high for low, high in made])
    assert held > 0.95 - 3.5 * np.sqrt(0.05 * 0.95 / sims)


def test_the_difference_of_paired_shares_is_newcombes() -> None:
    # Newcombe (1998), table II, method 10 without the continuity correction of the correlation, from its formula:
    # 56 pairs, of which 36 have both, 12 only the first, 2 only the second, 6 neither.
    first = np.repeat([1.0, 1.0, 0.0, 0.0], [36, 12, 2, 6])
    second = np.repeat([1.0, 0.0, 1.0, 0.0], [36, 12, 2, 6])
    low_a, high_a = scipy.stats.binomtest(48, 56).proportion_ci(method="wilson")
    low_b, high_b = scipy.stats.binomtest(38, 56).proportion_ci(method="wilson")
    a, b = 48 / 56, 38 / 56
    phi = (36 * 6 - 12 * 2) / np.sqrt(48 * 8 * 38 * 18)
    below = np.sqrt((a - low_a) ** 2 - 2 * phi * (a - low_a) * (high_b - b) + (high_b - b) ** 2)
    above = np.sqrt((high_a - a) ** 2 - 2 * phi * (high_a - a) * (b - low_b) + (b - low_b) ** 2)
    found = difference(np.stack([first, np.ones(56)], axis=1), np.stack([second, np.ones(56)], axis=1), 0.95)
    assert found == pytest.approx((a - b - below, a - b + above))
    assert found[0] > 0.05  # 0.0569 in that paper's table, with the correction


def test_two_strategies_that_never_loop_may_still_differ() -> None:
    low, high = difference(singles(0, 100), singles(0, 100), 0.95)
    assert low == pytest.approx(-high)
    assert high == pytest.approx(wilson(singles(0, 100), 0.95)[1])
    both = singles(30, 100)
    assert difference(both, both, 0.95) == pytest.approx((0, 0), abs=0.03)  # the same texts loop on both sides
