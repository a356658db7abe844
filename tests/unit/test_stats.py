from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.stats import COMBINES, Combine, bootstrap, holm, number, paired

Floats = NDArray[np.float64]


def mean_stats(items: Floats) -> Floats:
    return np.stack([items, np.ones_like(items)], axis=1)


def skewed(n: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).exponential(size=n)


def student(n: int, level: float = 0.95) -> float:
    """The level at which a plain bootstrap interval of n values is as wide as Student's."""
    return 2 * float(scipy.stats.norm.cdf(scipy.stats.t.ppf((1 + level) / 2, n - 1) * np.sqrt(n / (n - 1)))) - 1


@pytest.mark.parametrize(("ours", "theirs"), [("bca", "BCa"), ("percentile", "percentile")])
@pytest.mark.parametrize("n", [30, 200])
def test_it_agrees_with_scipy_on_means(ours: Any, theirs: Any, n: int) -> None:
    items = skewed(n)
    expected = scipy.stats.bootstrap(
        (items,), np.mean, method=theirs, n_resamples=20_000, rng=1, confidence_level=student(n)
    ).confidence_interval
    found = bootstrap(mean_stats(items), range(n), "ratio", resamples=20_000, method=ours)
    noise = 0.06 * items.std() / np.sqrt(n)  # about four standard errors of a 2.5% quantile from 20,000 resamples
    assert found.method == ours
    assert found.low == pytest.approx(expected.low, abs=noise)
    assert found.high == pytest.approx(expected.high, abs=noise)


def test_bca_and_percentile_are_told_apart_by_that_tolerance() -> None:
    stats = mean_stats(skewed(30))
    bca, percentile = (bootstrap(stats, range(30), "ratio", resamples=20_000, method=m) for m in ("bca", "percentile"))
    assert bca.high - percentile.high > 0.12 * skewed(30).std() / np.sqrt(30)


@pytest.mark.parametrize("combine", ["ratio", "exp-ratio"])
def test_bca_agrees_with_scipy_on_a_ratio_of_sums(combine: Combine) -> None:
    rng = np.random.default_rng(3)
    stats = np.stack([rng.poisson(3, 60), rng.integers(5, 50, 60)], axis=1).astype(np.float64)

    def pooled(a: Floats, b: Floats, axis: int = -1) -> Floats:
        found = np.asarray(a.sum(axis) / b.sum(axis))
        return found if combine == "ratio" else np.exp(found)

    expected = scipy.stats.bootstrap(
        (stats[:, 0], stats[:, 1]), pooled, paired=True, n_resamples=20_000, rng=1, confidence_level=student(60)
    )
    found = bootstrap(stats, range(60), combine, resamples=20_000)
    noise = 0.06 * float(expected.standard_error)
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=noise)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=noise)


def test_bca_agrees_with_scipy_on_a_product() -> None:
    rng = np.random.default_rng(4)
    lengths = rng.integers(20, 50, 60)
    columns = [c for less in (0.3, 0.2, 0.1) for c in (rng.binomial(lengths, less), lengths)]

    def product(*columns: Floats, axis: int = -1) -> Floats:
        sums = [column.sum(axis) for column in columns]
        return np.asarray((1 - sums[0] / sums[1]) * (1 - sums[2] / sums[3]) * (1 - sums[4] / sums[5]))

    expected = scipy.stats.bootstrap(
        tuple(c.astype(np.float64) for c in columns), product,
        paired=True, n_resamples=20_000, rng=1, confidence_level=student(60),
    )  # fmt: skip
    found = bootstrap(np.stack(columns, axis=1).astype(np.float64), range(60), "complements", resamples=20_000)
    noise = 0.06 * float(expected.standard_error)
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=noise)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=noise)


def test_a_median_agrees_with_scipy() -> None:
    items = skewed(80)
    expected = scipy.stats.bootstrap(
        (items,), np.median, method="percentile", n_resamples=20_000, rng=1, confidence_level=student(80)
    ).confidence_interval
    found = bootstrap(items[:, None], range(80), "median", resamples=20_000)
    assert found.method == "percentile"
    step = np.diff(np.sort(items))[20:60].max()  # a median moves from item to item
    assert found.low == pytest.approx(expected.low, abs=step)
    assert found.high == pytest.approx(expected.high, abs=step)


def test_a_median_leaves_out_texts_without_a_value() -> None:
    items = skewed(60)[:, None]
    holes = np.full((60, 1), np.nan)
    both = np.concatenate([items, holes])
    twice = [*range(60), *range(60)]
    assert number(both, "median") == pytest.approx(np.median(items))
    assert bootstrap(both, twice, "median") == bootstrap(items, range(60), "median")
    assert paired(both, both + 1, twice, "median") == paired(items, items + 1, range(60), "median")


def test_shares_have_wilsons_interval() -> None:
    for hits in (0, 1, 7, 100):
        stats = mean_stats((np.arange(100) < hits).astype(np.float64))
        expected = scipy.stats.binomtest(hits, 100).proportion_ci(method="wilson")
        found = bootstrap(stats, range(100), "share")
        assert found.method == "wilson"
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert bootstrap(stats, range(100), "share", method="bca").method == "constant"


def test_what_prompts_do_to_both_sides_cancels() -> None:
    rng = np.random.default_rng(2)
    prompt = 10 * rng.normal(size=200)
    a, b = prompt + rng.normal(0.5, 1, 200), prompt + rng.normal(0, 1, 200)
    found = paired(mean_stats(a), mean_stats(b), range(200), "ratio")
    assert found.value == pytest.approx(a.mean() - b.mean())
    assert (found.method, found.test) == ("percentile", "swap")
    expected = scipy.stats.ttest_rel(a, b).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.02)
    assert found.p < 0.01
    assert bootstrap(mean_stats(a), range(200), "ratio").low < b.mean()  # unpaired they could not be told apart


@pytest.mark.parametrize("combine", get_args(Combine))
def test_swapping_the_sides_turns_the_sign(combine: Combine) -> None:
    rng = np.random.default_rng(4)
    for shift in (0.0, 0.1, 0.3):
        x, y = (rng.random(80) + s for s in (0.0, shift))
        if combine == "median":
            a, b = x[:, None], y[:, None]
        elif combine == "share":
            a, b = mean_stats((x > 0.8).astype(np.float64)), mean_stats((y > 0.8).astype(np.float64))
        else:
            a, b = mean_stats(x / 3), mean_stats(y / 3)
        found, turned = (paired(*sides, range(80), combine) for sides in ((a, b), (b, a)))
        assert found.value == pytest.approx(number(a, combine) - number(b, combine))
        assert (turned.value, turned.p) == pytest.approx((-found.value, found.p))
        assert (-turned.high, -turned.low) == pytest.approx((found.low, found.high))


def test_equal_texts_do_not_differ_and_p_is_never_zero() -> None:
    stats = mean_stats(skewed(50))
    same = paired(stats, stats, range(50), "ratio")
    assert (same.value, same.p, same.method) == (0, 1, "constant")
    assert np.isnan([same.low, same.high]).all()
    both: tuple[Combine, ...] = ("ratio", "median")
    for combine in both:
        a, b = (s if combine == "ratio" else s[:, :1] for s in (stats + np.array([9.0, 0.0]), stats))
        apart = paired(a, b, range(50), combine, resamples=999)
        # What 999 swaps cannot count their tail tells; the medians of resamples that are all alike have no tail.
        assert apart.p == pytest.approx(1e-9 if combine == "ratio" else 2 / 1000)
        assert paired(b, b, range(50), combine).p == 1


def test_one_text_per_prompt_compares_with_several_in_any_order() -> None:
    rng = np.random.default_rng(5)
    greedy, sampled = rng.normal(size=40), rng.normal(size=(40, 3))
    prompts = [f"p{i}" for i in range(40)]
    thrice = [prompt for prompt in prompts for _ in range(3)]
    wide = paired(mean_stats(greedy), mean_stats(sampled.ravel()), prompts, "ratio", clusters_b=thrice)
    means = paired(mean_stats(greedy), mean_stats(sampled.mean(axis=1)), prompts, "ratio")
    assert (wide.value, wide.low, wide.high) == pytest.approx((means.value, means.low, means.high))
    assert wide.p == pytest.approx(means.p, abs=0.05)  # swaps of three texts against one are other swaps
    order = rng.permutation(40)
    moved = paired(
        mean_stats(greedy[order]), mean_stats(sampled.ravel()), [prompts[i] for i in order], "ratio",
        clusters_b=thrice,
    )  # fmt: skip
    assert (moved.low, moved.p) == pytest.approx((wide.low, wide.p))
    with pytest.raises(ValueError, match="same prompts"):
        paired(mean_stats(greedy), mean_stats(greedy), prompts, "ratio", clusters_b=[*prompts[1:], "other"])


def test_summands_may_be_added_up_by_prompt() -> None:
    rng = np.random.default_rng(6)
    hits = (rng.random((50, 3)) < 0.2).astype(np.float64)
    texts, prompts = mean_stats(hits.ravel()), np.repeat(np.arange(50), 3).tolist()
    sums = np.stack([hits.sum(axis=1), np.full(50, 3.0)], axis=1)
    for combine in COMBINES:
        assert bootstrap(texts, prompts, combine) == bootstrap(sums, range(50), combine)  # type: ignore[arg-type]


@settings(max_examples=25)
@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=30),
    st.integers(1, 4),
    st.sampled_from(["ratio", "median"]),
    st.randoms(),
)
def test_the_order_of_texts_does_not_matter(items: list[float], samples: int, combine: Combine, random: Any) -> None:
    clusters = [i // samples for i in range(len(items))]
    order = random.sample(range(len(items)), len(items))
    stats = mean_stats(np.array(items))[:, : 1 if combine == "median" else 2]
    a = bootstrap(stats, clusters, combine, resamples=200)
    b = bootstrap(stats[order], [clusters[i] for i in order], combine, resamples=200)
    assert (a.low, a.high) == pytest.approx((b.low, b.high), nan_ok=True)
    if not np.isnan(a.low) and a.method != "student":  # which knows no range
        assert 0 <= a.low <= a.high <= 1 + 1e-12


def test_a_large_effect_stands_out_of_any_number_of_tests() -> None:
    rng = np.random.default_rng(9)
    a, b = rng.normal(2, 1, 100), rng.normal(0, 1, 100)
    ps = [
        paired(mean_stats(a), mean_stats(b), range(100), "ratio").p,
        paired(a[:, None], b[:, None], range(100), "median").p,
    ]
    for p in ps:
        assert p > 0
        assert holm([p, *[0.5] * 999])[0] < 0.001


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
