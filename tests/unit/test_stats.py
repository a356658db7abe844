from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.stats import Interval, bootstrap, holm, paired

Floats = NDArray[np.float64]


def ratio(sums: Floats) -> Floats:
    return np.asarray(sums[..., 0] / sums[..., 1])


def mean_stats(items: Floats) -> Floats:
    return np.stack([items, np.ones_like(items)], axis=1)


def skewed(n: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).exponential(size=n)


@pytest.mark.parametrize(("ours", "theirs"), [("bca", "BCa"), ("percentile", "percentile")])
@pytest.mark.parametrize("n", [30, 200])
def test_it_agrees_with_scipy_on_means(ours: Any, theirs: Any, n: int) -> None:
    items = skewed(n)
    expected = scipy.stats.bootstrap((items,), np.mean, method=theirs, n_resamples=20_000, rng=1).confidence_interval
    found = bootstrap(mean_stats(items), range(n), ratio, resamples=20_000, method=ours)
    noise = 0.06 * items.std() / np.sqrt(n)  # about four standard errors of a 2.5% quantile from 20,000 resamples
    assert found.method == ours
    assert found.low == pytest.approx(expected.low, abs=noise)
    assert found.high == pytest.approx(expected.high, abs=noise)


def test_bca_and_percentile_are_told_apart_by_that_tolerance() -> None:
    stats = mean_stats(skewed(30))
    bca, percentile = (bootstrap(stats, range(30), ratio, resamples=20_000, method=m) for m in ("bca", "percentile"))
    assert bca.high - percentile.high > 0.12 * skewed(30).std() / np.sqrt(30)


def test_bca_agrees_with_scipy_on_a_ratio_of_sums() -> None:
    rng = np.random.default_rng(3)
    stats = np.stack([rng.poisson(3, 60), rng.integers(5, 50, 60)], axis=1).astype(np.float64)

    def pooled(a: Floats, b: Floats, axis: int = -1) -> Floats:
        return np.asarray(a.sum(axis) / b.sum(axis))

    expected = scipy.stats.bootstrap((stats[:, 0], stats[:, 1]), pooled, paired=True, n_resamples=20_000, rng=1)
    found = bootstrap(stats, range(60), ratio, resamples=20_000)
    noise = 0.06 * float(expected.standard_error)
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=noise)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=noise)


def clustered(sims: int, prompts: int, samples: int, seed: int) -> Floats:
    """[sims, prompts * samples] items of mean 1: half of the variance is the prompt's."""
    rng = np.random.default_rng(seed)
    of_prompt = rng.exponential(size=(sims, prompts, 1))
    return np.asarray((of_prompt + rng.normal(size=(sims, prompts, samples))).reshape(sims, -1))


def coverage(items: Floats, clusters: Any) -> float:
    intervals = [bootstrap(mean_stats(row), clusters, ratio, resamples=1_000, seed=i) for i, row in enumerate(items)]
    return float(np.mean([interval.low <= 1 <= interval.high for interval in intervals]))


def test_coverage_of_the_interval_when_a_prompt_has_several_samples() -> None:
    items = clustered(sims=500, prompts=80, samples=4, seed=0)
    by_prompt = coverage(items, np.repeat(np.arange(80), 4))
    assert 0.92 < by_prompt < 0.98  # 0.95, three standard errors of 500 simulations
    assert coverage(items[:200], np.arange(320)) < 0.85  # texts taken for independent: too narrow


def test_the_paired_test_is_wrong_five_times_in_a_hundred_on_equal_strategies() -> None:
    rng = np.random.default_rng(1)
    wrong = 0
    for seed in range(500):
        prompt = rng.normal(size=100)
        a, b = prompt + rng.normal(size=(2, 100))
        found = paired(mean_stats(a), mean_stats(b), range(100), ratio, resamples=1_000, seed=seed)
        wrong += found.p < 0.05
    assert 0.02 < wrong / 500 < 0.08


def test_what_prompts_do_to_both_sides_cancels() -> None:
    rng = np.random.default_rng(2)
    prompt = 10 * rng.normal(size=200)
    a, b = prompt + rng.normal(0.5, 1, 200), prompt + rng.normal(0, 1, 200)
    found = paired(mean_stats(a), mean_stats(b), range(200), ratio)
    assert found.value == pytest.approx(a.mean() - b.mean())
    expected = scipy.stats.ttest_rel(a, b).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.02)
    assert found.p < 0.01
    assert bootstrap(mean_stats(a), range(200), ratio).low < b.mean()  # unpaired they could not be told apart


def test_the_p_value_is_near_the_t_tests_and_agrees_with_the_interval() -> None:
    rng = np.random.default_rng(4)
    for shift in (0.0, 0.1, 0.2, 0.3):
        a, b = rng.normal(shift, 1, 150), rng.normal(0, 1, 150)
        found = paired(mean_stats(a), mean_stats(b), range(150), ratio)
        assert found.p == pytest.approx(scipy.stats.ttest_rel(a, b).pvalue, abs=0.03)
        assert (found.p < 0.05) == (not found.low <= 0 <= found.high)
        swapped = paired(mean_stats(b), mean_stats(a), range(150), ratio)
        assert (swapped.value, swapped.low, swapped.high, swapped.p) == pytest.approx(
            (-found.value, -found.high, -found.low, found.p)
        )


def test_equal_texts_do_not_differ_and_p_is_never_zero() -> None:
    stats = mean_stats(skewed(50))
    same = paired(stats, stats, range(50), ratio)
    assert (same.value, same.low, same.high, same.p) == (0, 0, 0, 1)
    apart = paired(stats + np.array([9.0, 0.0]), stats, range(50), ratio, resamples=999)
    assert apart.p == pytest.approx(2 / 1000)


def test_one_text_per_prompt_compares_with_several_in_any_order() -> None:
    rng = np.random.default_rng(5)
    greedy, sampled = rng.normal(size=40), rng.normal(size=(40, 3))
    prompts = [f"p{i}" for i in range(40)]
    thrice = [prompt for prompt in prompts for _ in range(3)]
    wide = paired(mean_stats(greedy), mean_stats(sampled.ravel()), prompts, ratio, clusters_b=thrice)
    means = paired(mean_stats(greedy), mean_stats(sampled.mean(axis=1)), prompts, ratio)
    assert (wide.value, wide.low, wide.high, wide.p) == pytest.approx((means.value, means.low, means.high, means.p))
    order = rng.permutation(40)
    moved = paired(
        mean_stats(greedy[order]), mean_stats(sampled.ravel()), [prompts[i] for i in order], ratio,
        clusters_b=thrice,
    )  # fmt: skip
    assert moved.low == pytest.approx(wide.low)
    with pytest.raises(ValueError, match="same prompts"):
        paired(mean_stats(greedy), mean_stats(greedy), prompts, ratio, clusters_b=[*prompts[1:], "other"])


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.integers(1, 4), st.randoms())
def test_the_order_of_texts_does_not_matter(items: list[float], samples: int, random: Any) -> None:
    clusters = [i // samples for i in range(len(items))]
    order = random.sample(range(len(items)), len(items))
    a = bootstrap(mean_stats(np.array(items)), clusters, ratio, resamples=200)
    b = bootstrap(mean_stats(np.array(items)[order]), [clusters[i] for i in order], ratio, resamples=200)
    assert (a.low, a.high) == pytest.approx((b.low, b.high), nan_ok=True)
    if a.method != "none":
        assert 0 <= a.low <= a.high <= 1 + 1e-12


def test_a_corpus_of_any_size_is_resampled_in_chunks_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    stats = mean_stats(skewed(64))
    whole = bootstrap(stats, range(64), ratio, resamples=500)
    monkeypatch.setattr("harness.stats._CHUNK", 64 * 7)
    chunked = bootstrap(stats, range(64), ratio, resamples=500)
    assert (whole.low, whole.high) == pytest.approx((chunked.low, chunked.high))


def test_where_there_is_no_interval_it_says_so() -> None:
    assert bootstrap(mean_stats(np.ones(3)), ["a", "a", "a"], ratio).method == "none"
    assert bootstrap(np.zeros((0, 2)), [], ratio).method == "none"
    assert np.isnan(paired(mean_stats(np.ones(1)), mean_stats(np.ones(1)), ["a"], ratio).p)
    assert bootstrap(mean_stats(np.ones(9)), range(9), ratio) == Interval(1.0, 1.0, "constant")
    assert bootstrap(mean_stats(np.full(9, 0.1)), range(9), ratio).method == "constant"  # but for rounding
    with np.errstate(invalid="ignore"):
        nothing = bootstrap(np.zeros((5, 2)), range(5), ratio)
    assert nothing.method == "none"
    with pytest.raises(ValueError, match="3 texts"):
        bootstrap(mean_stats(np.ones(3)), ["a"], ratio)


def test_a_number_that_rests_on_one_prompt_has_no_interval_and_no_test() -> None:
    items = np.full(40, np.nan)
    items[7] = 3.0
    one = np.stack([np.nan_to_num(items), ~np.isnan(items)], axis=1)
    with np.errstate(invalid="ignore"):
        assert bootstrap(one, range(40), ratio).method == "none"
        for a, b in ((one, mean_stats(np.ones(40))), (mean_stats(np.ones(40)), one)):
            found = paired(a, b, range(40), ratio)
            assert abs(found.value) == 2
            assert np.isnan([found.low, found.high, found.p]).all()
        two = one + one[::-1] * [2, 1]
        assert bootstrap(two, range(40), ratio).method == "bca"  # a second value, of 6
        assert (bootstrap(two, range(40), ratio).low, bootstrap(two, range(40), ratio).high) == (3, 6)


def test_bca_falls_back_where_the_jackknife_has_no_value() -> None:
    stats = np.stack([skewed(12), np.arange(12) == 3], axis=1)  # without prompt 3 the denominator is 0
    with np.errstate(divide="ignore"):
        found = bootstrap(stats, range(12), ratio)
        assert found.method == "percentile"
        assert found == bootstrap(stats, range(12), ratio, method="percentile")


def test_a_number_that_is_not_finite_has_no_interval() -> None:
    stats = mean_stats(np.array([1.0, 2.0, np.inf, 4.0]))
    with np.errstate(invalid="ignore"):
        assert bootstrap(stats, range(4), ratio).method == "none"
        assert np.isnan(paired(stats, mean_stats(np.ones(4)), range(4), ratio).p)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.01, np.nan, 0.5, 0.9]).tolist() == pytest.approx([0.03, np.nan, 1.0, 1.0], nan_ok=True)
    assert holm([]).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.5))
def test_holm_rejects_what_the_step_down_rejects(ps: list[float], alpha: float) -> None:
    order, rejected = np.argsort(ps, kind="stable"), set()
    for done, i in enumerate(order):
        if ps[i] * (len(ps) - done) > alpha:
            break
        rejected.add(int(i))
    assert set(np.flatnonzero(holm(ps) <= alpha).tolist()) == rejected
