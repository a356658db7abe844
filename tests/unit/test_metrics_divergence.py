from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad, trapezoid
from scipy.special import rel_entr

from harness.metrics.divergence import SMOOTHING, area, curve, frontier_integral, shares
from tests.corpora import golden

COUNTS = st.lists(st.integers(0, 9), min_size=2, max_size=12).filter(any)
PAIRS = st.integers(2, 12).flatmap(
    lambda k: st.tuples(*[st.lists(st.integers(0, 9), min_size=k, max_size=k).filter(any)] * 2)
)


def of(counts: Sequence[float] | Sequence[Sequence[float]], smoothing: float = 0.0) -> NDArray[np.float64]:
    return shares(np.asarray(counts, dtype=np.float64), smoothing)


def test_published_histograms_and_the_true_value_of_the_tie() -> None:
    for case in json.loads(golden("mauve.json").read_text())["hist_cases"]:
        expected = 1.0 if case["p"] == case["q"] else case["mauve"]  # 0.75 is mauve-text's bug
        assert area(of(case["p"]), of(case["q"])) == pytest.approx(expected, abs=1e-9)


def test_the_curve_is_what_the_area_lies_under() -> None:
    p, q = of([[5, 3, 1, 0], [1, 1, 1, 9]]), of([[1, 2, 2, 4], [1, 1, 1, 9]])
    x, y = np.moveaxis(curve(p, q, 3.0, points=7), -2, 0)
    assert x.shape == (2, 9)
    assert (x[0, 0], y[0, 0], x[0, -1], y[0, -1]) == (1, 0, 0, 1)
    np.testing.assert_allclose(area(p, q, 3.0, points=7), -trapezoid(y, x, axis=-1))
    middle = (p[0] + q[0]) / 2
    np.testing.assert_allclose(x[0, 4], np.exp(-3 * rel_entr(q[0], middle).sum()))
    np.testing.assert_allclose(y[0, 4], np.exp(-3 * rel_entr(p[0], middle).sum()))


@pytest.mark.parametrize("counts", [[1, 1], [1] * 4, [3, 1, 2], [1, 0, 0, 5], [1e-9, 1], [1] * 500])
def test_equal_histograms_are_at_no_distance(counts: list[float]) -> None:
    p = of(counts)
    assert area(p, p.copy()) == pytest.approx(1.0, abs=1e-9)
    assert frontier_integral(p, p.copy()) == 0


@given(COUNTS)
def test_any_equal_histograms_are_at_no_distance(counts: list[int]) -> None:
    assert area(of(counts), of(counts)) == pytest.approx(1.0, abs=1e-9)
    assert frontier_integral(of(counts), of(counts)) == 0


@given(PAIRS)
def test_the_area_is_the_packages_with_ties_in_the_curves_order(both: tuple[list[int], list[int]]) -> None:
    package = pytest.importorskip("mauve.compute_mauve", reason="needs mauve-text")
    p, q = map(of, both)
    curve = package.get_divergence_curve_for_multinomials(p, q, np.linspace(1e-6, 1 - 1e-6, 25), 5)
    x, y = curve[::-1].T  # x rises, y falls
    expected = (trapezoid(y, x) + trapezoid(x[::-1], y[::-1])) / 2
    assert area(p, q) == pytest.approx(expected, abs=1e-9)
    assert area(p, q) == pytest.approx(area(q, p), abs=1e-9)
    assert 0 < area(p, q) <= 1


@given(PAIRS)
def test_the_frontier_integral_is_the_packages(both: tuple[list[int], list[int]]) -> None:
    package = pytest.importorskip("mauve.compute_mauve", reason="needs mauve-text")
    p, q = map(of, both)
    assert frontier_integral(p, q) == pytest.approx(package.get_fronter_integral(p, q), abs=1e-9)
    assert frontier_integral(p, q) == pytest.approx(frontier_integral(q, p), abs=1e-12)
    assert -1e-15 <= frontier_integral(p, q) <= 1 + 1e-12


@pytest.mark.parametrize(("p", "q"), [([1, 2, 3], [3, 2, 1]), ([1, 0, 4], [2, 3, 0]), ([5, 5, 1], [5, 4, 2])])
def test_the_frontier_integral_is_an_integral(p: list[int], q: list[int]) -> None:
    def summand(w: float) -> float:
        r = w * of(p) + (1 - w) * of(q)
        return float(w * rel_entr(of(p), r).sum() + (1 - w) * rel_entr(of(q), r).sum())

    assert frontier_integral(of(p), of(q)) == pytest.approx(2 * quad(summand, 0, 1)[0], abs=1e-9)


def test_histograms_that_share_nothing_are_as_far_as_can_be() -> None:
    p, q = of([1, 2, 0, 0]), of([0, 0, 3, 1])
    assert frontier_integral(p, q) == pytest.approx(1.0)
    assert area(p, q) == pytest.approx(0.0040720962619612555, abs=1e-9)  # as of any two such histograms


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9, 1e-12])
def test_nearly_equal_shares_keep_their_digits(gap: float) -> None:
    p, q = np.array([0.5, 0.5]), np.array([0.5 + gap, 0.5 - gap])
    series = gap**2 / 3 / 0.5  # of every bucket gap**2 / (6 p), to second order
    assert float(frontier_integral(p, q)) == pytest.approx(series, rel=1e-3, abs=1e-15)


def test_smoothing_adds_half_a_text_to_every_bucket() -> None:
    np.testing.assert_allclose(of([3, 0, 1], SMOOTHING), np.array([3.5, 0.5, 1.5]) / 5.5)
    assert of([0, 4]).tolist() == [0, 1]


def test_many_histograms_at_once_are_each_by_itself_and_none_is_nan() -> None:
    rng = np.random.default_rng(0)
    p, q = rng.integers(0, 5, (4, 3, 7)).astype(float), rng.integers(0, 5, (4, 3, 7)).astype(float)
    p[1, 2] = 0
    for smoothing in (0.0, SMOOTHING):
        for measure in (area, frontier_integral):
            found = measure(shares(p, smoothing), shares(q, smoothing))
            assert found.shape == (4, 3)
            assert np.argwhere(np.isnan(found)).tolist() == [[1, 2]]
            one = measure(shares(p[3, 1], smoothing), shares(q[3, 1], smoothing))
            assert found[3, 1] == pytest.approx(float(one), abs=1e-15)


def test_a_smaller_scaling_factor_gives_a_larger_area() -> None:
    p, q = of([1, 2, 3]), of([3, 2, 1])
    assert area(p, q, 1.0) > area(p, q, 5.0) > area(p, q, 25.0)
