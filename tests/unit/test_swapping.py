"""The p-values are those of all ways to share the texts out, counted one by one."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from harness import swapping
from harness.arrangements import Arrangements
from harness.swapping import LEAST, swap_p
from harness.tails import tail_p

Floats = NDArray[np.float64]
SWAPS = 20_000


def mean_stats(items: Floats) -> Floats:
    return np.stack([items, np.ones_like(items)], axis=1)


def noise(p: float) -> float:
    """Four standard errors of a share of `SWAPS`."""
    return 4 * float(np.sqrt(p * (1 - p) / SWAPS)) + 1 / SWAPS


def swapped(a: Floats, b: Floats, product: bool, swaps: int, seed: int) -> float:
    """One text a prompt."""
    return swap_p(a, np.arange(len(a)), b, np.arange(len(b)), product, swaps, seed)


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

    expected = float(scipy.stats.permutation_test((a, b), t, permutation_type="samples", vectorized=True).pvalue)
    assert swapped(mean_stats(a), mean_stats(b), False, SWAPS, 0) == pytest.approx(expected, abs=noise(expected))


@pytest.mark.parametrize("seed", range(3))
def test_of_ratios_it_counts_every_swap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 40, (2, 8))
    a, b = (
        np.stack([rng.binomial(n, p), n], axis=1).astype(np.float64) for n, p in zip(lengths, (0.2, 0.4), strict=True)
    )
    expected = every_swap(a, b, ratio_of)
    assert swapped(a, b, False, SWAPS, 0) == pytest.approx(expected, abs=noise(expected))


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
    assert swapped(a, b, True, SWAPS, 0) == pytest.approx(expected, abs=noise(expected))


def test_ties_count_as_no_smaller() -> None:
    # Shares of 6 and 2 in 12: of the 8 prompts that differ, 6 go one way. Every |difference| of 4 or more counts.
    a, b = mean_stats(np.repeat([1.0, 0.0, 0.0], [6, 2, 4])), mean_stats(np.repeat([0.0, 1.0, 0.0], [6, 2, 4]))
    expected = scipy.stats.binomtest(6, 8).pvalue  # the sign test
    assert swapped(a, b, False, SWAPS, 0) == pytest.approx(expected, abs=noise(expected))
    level = mean_stats(np.repeat([1.0, 0.0, 0.0], [3, 3, 4])), mean_stats(np.repeat([0.0, 1.0, 0.0], [3, 3, 4]))
    assert swapped(*level, False, SWAPS, 0) == 1


def test_equal_texts_have_p_1_and_no_p_is_0() -> None:
    rng = np.random.default_rng(0)
    stats = mean_stats(rng.exponential(size=50))
    assert swapped(stats, stats.copy(), False, 999, 0) == 1
    assert swapped(mean_stats(stats[:, 0] + 9), stats, False, 999, 0) == pytest.approx(1e-9)
    assert swapped(mean_stats(stats[:, 0] + 1e-3), stats, False, 999, 0) == pytest.approx(
        1e-9
    )  # all prompts by the same


def test_small_differences_of_large_numbers_are_seen() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 60))
    near = swapped(mean_stats(a), mean_stats(b), False, 2000, 0)
    far = swapped(mean_stats(a + 1e6), mean_stats(b + 1e6), False, 2000, 0)
    assert far == pytest.approx(near, abs=0.002)


def test_swaps_that_leave_a_side_without_a_value_count_as_far() -> None:
    a, b = np.zeros((10, 2)), np.zeros((10, 2))
    a[:2], b[8:] = [[1, 1], [0, 1]], [[1, 1], [1, 1]]
    assert swapped(a, b, False, 4000, 0) >= 2 / 16 - 0.02  # one swap in 8 brings all four prompts to one side


@pytest.mark.parametrize(("more", "seed"), [(2, 0), (2, 1), (3, 0)])
@pytest.mark.parametrize("product_too", [False, True])
def test_one_text_against_several_takes_each_of_them_in_its_place(more: int, seed: int, product_too: bool) -> None:
    rng = np.random.default_rng(seed)
    prompts, pairs = 5, 2 if product_too else 1
    lengths = rng.integers(5, 30, (prompts, more + 1, pairs))
    hits = rng.binomial(lengths, 0.3) + (np.arange(more + 1) == 0)[:, None]
    texts = np.stack([hits, lengths], axis=3).reshape(prompts, more + 1, 2 * pairs).astype(np.float64)
    of = product_of if product_too else ratio_of

    def t(alone: tuple[int, ...]) -> float:
        a = texts[np.arange(prompts), list(alone)]
        return studentised(a, texts.sum(axis=1) - a, of)

    found = np.array([t(alone) for alone in product(range(more + 1), repeat=prompts)])
    expected = float(np.mean(found >= found[0] * (1 - 1e-5)))
    several = np.repeat(np.arange(prompts), more)
    order = rng.permutation(len(several))
    b = texts[:, 1:].reshape(-1, 2 * pairs)
    p = swap_p(texts[:, 0], np.arange(prompts), b[order], several[order], product_too, SWAPS, 0)
    assert p == pytest.approx(expected, abs=noise(expected))
    assert swap_p(b, several, texts[:, 0], np.arange(prompts), product_too, SWAPS, 0) == pytest.approx(p, abs=0.02)


def test_as_many_texts_on_both_sides_are_swapped_together() -> None:
    rng = np.random.default_rng(2)
    prompts = np.repeat(np.arange(9), 3)
    a, b = (mean_stats(rng.normal(size=27)) for _ in range(2))
    sums = [s.reshape(9, 3, 2).sum(axis=1) for s in (a, b)]
    assert swap_p(a, prompts, b, prompts, False, 2000, 0) == pytest.approx(swapped(sums[0], sums[1], False, 2000, 0))


@pytest.mark.parametrize("sides", [(1, 4), (2, 3), (2, 2)])
def test_of_exchangeable_texts_it_is_exact(sides: tuple[int, int]) -> None:
    # Swapping whole sides of one text and of four finds far too much: see test_coverage.
    rng, sims = np.random.default_rng(3), 500
    clusters = [np.repeat(np.arange(25), k) for k in sides]
    found = [
        swap_p(a, clusters[0], b, clusters[1], False, 300, 0)
        for a, b in (
            [mean_stats((rng.random(25 * k) < 0.1) * rng.exponential(size=25 * k)) for k in sides] for _ in range(sims)
        )
    ]
    for alpha in (0.05, 0.2):
        assert np.mean(np.array(found) <= alpha) < alpha + 3.5 * np.sqrt(alpha * (1 - alpha) / sims)


def test_a_large_effect_is_seen_among_many_tests() -> None:
    rng = np.random.default_rng(4)
    a, b = mean_stats(rng.normal(size=200) + 1), mean_stats(rng.normal(size=200))
    p = swapped(a, b, False, 10_000, 0)
    assert 520 * p < 1e-4
    t = scipy.stats.ttest_rel(a[:, 0], b[:, 0])
    assert p >= max(t.pvalue, 1e-9)


def test_no_p_is_below_the_chance_of_the_very_arrangement() -> None:
    a, b = mean_stats(np.repeat([1.0, 0.0], [16, 84])), mean_stats(np.zeros(100))
    assert swapped(a, b, False, 1000, 0) >= 2.0**-15 * 0.5
    one, several = mean_stats(np.full(14, 9.0)), mean_stats(np.zeros(14))
    p = swap_p(one, np.arange(14), np.repeat(several, 2, axis=0), np.repeat(np.arange(14), 2), False, 1000, 0)
    assert p >= 3.0**-14


@pytest.mark.parametrize("kind", ["normal", "one in five"])
@pytest.mark.parametrize("several", [1, 10])
def test_the_tail_is_seldom_taken_for_thinner_than_it_is(kind: str, several: int) -> None:
    rng, n = np.random.default_rng(5), 60

    def some(count: int) -> Floats:
        return mean_stats(rng.normal(size=count) if kind == "normal" else (rng.random(count) < 0.2) * rng.random(count))

    # The studentised difference of one text from several in each of n prompts, as every swap makes it.
    texts = some(n * (several + 1))[:, 0].reshape(n, several + 1)
    found = []
    for _ in range(40):
        chosen = rng.integers(several + 1, size=(5000, n))
        alone = texts[np.arange(n), chosen]
        apart = alone - (texts.sum(axis=1) - alone) / several
        spread = np.sqrt((apart**2).sum(axis=1) - apart.sum(axis=1) ** 2 / n)
        found.append(np.abs(apart.sum(axis=1)) / spread)
    every = np.concatenate(found)
    far = float(np.quantile(every, 1 - 1e-4))
    estimates = [tail_p(rng.choice(every, 10_000), far, n - 1) for _ in range(20)]
    assert 0.8e-4 < np.median(estimates) < 8e-4


def apart(
    rng: np.random.Generator, by: float, more: int, pairs: int
) -> tuple[Floats, NDArray[np.int64], Floats, NDArray[np.int64]]:
    """Texts of 64 prompts, one on one side and several on the other: ratios so many standard deviations apart."""
    sides = []
    for count, shift in ((1, by), (more, 0.0)):
        lengths = rng.integers(20, 60, (64 * count, pairs))
        hits = lengths * (0.4 + 0.1 * (rng.normal(size=lengths.shape) + shift))
        sides += [np.stack([hits, lengths], axis=2).reshape(len(lengths), -1), np.repeat(np.arange(64), count)]
    return sides[0], sides[1], sides[2], sides[3]


@pytest.mark.parametrize(("more", "pairs"), [(1, 1), (1, 3), (3, 1)])
def test_more_swaps_are_drawn_only_where_they_can_tell(more: int, pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    draw = Arrangements.drawn

    def counted(ways: Arrangements, draws: int, seed: int, rows: int) -> object:
        drawn.append(draws)
        return draw(ways, draws, seed, rows)

    monkeypatch.setattr(Arrangements, "drawn", counted)
    few, many = [2000], [2000, 18_000]
    for by, expected in ((0.0, few), (0.9, many), (4.0, few)):
        drawn.clear()
        swap_p(*apart(np.random.default_rng(7), by, more, pairs), pairs > 1, 2000, 0)
        assert drawn == expected, f"{by} standard deviations apart"


@pytest.mark.parametrize("by", [0.5, 0.7, 0.9, 1.2, 2.0, 4.0])
@pytest.mark.parametrize(("more", "pairs"), [(1, 1), (1, 3), (3, 1)])
def test_swaps_that_are_saved_would_have_changed_nothing(
    by: float, more: int, pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = apart(np.random.default_rng(11), by, more, pairs)
    found = swap_p(*sides, pairs > 1, 2000, 0)
    monkeypatch.setattr(swapping, "_FAR", 0.0)  # none are saved
    assert found == swap_p(*sides, pairs > 1, 2000, 0)
    assert found >= LEAST


@pytest.mark.parametrize(("more", "pairs"), [(1, 1), (1, 3), (3, 1)])
def test_how_many_swaps_are_worked_on_at_once_is_no_matter(
    more: int, pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = apart(np.random.default_rng(3), 0.1, more, pairs)
    whole = swap_p(*sides, pairs > 1, 500, 0)
    assert 0.002 < whole < 0.9
    monkeypatch.setattr(swapping, "_ROWS", 7)
    assert swap_p(*sides, pairs > 1, 500, 0) == whole
