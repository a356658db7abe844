"""The two laws of the temperature: where they are proved they hold, on made, on random and on real logits."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.loaders import load_model, load_prompts
from harness.studies.temperature.exact import exact, truncated
from harness.studies.temperature.laws import WITHIN, Fit, Shape, cold_fit, hot_fit
from harness.studies.temperature_limits import COLD, HOT
from tests.corpora import golden

Floats = NDArray[np.float64]

# Multiples of 1/8 tie often.
ROWS = st.lists(st.integers(-80, 80).map(lambda x: x / 8), min_size=2, max_size=60)


def gpt2(name: str) -> Floats:
    return np.array(json.loads(golden(f"gpt2-logits/{name}.json").read_text())["logits"])


def test_what_the_laws_take_from_a_row() -> None:
    logits = (2.0, 2.0, 1.0, 1.0, 1.0, 0.0, -3.0, -math.inf)
    shape, values = Shape.of(logits), np.array(logits[:-1])
    assert (shape.vocab, shape.ties, shape.runners, shape.gap, shape.next_gap, shape.spread) == (7, 2, 3, 1, 2, 5)
    assert shape.multiplicity == 1.5
    assert shape.variance == pytest.approx(np.var(values))
    assert shape.third == pytest.approx(np.mean((values - values.mean()) ** 3))


@given(ROWS, st.sampled_from([0.3, 0.01, 1e-4]), st.floats(0.01, 1))
def test_each_law_holds_where_it_is_proved_to(row: list[float], within: float, scale: float) -> None:
    shape = Shape.of(row)
    assume(shape.runners)
    if math.isfinite(start := shape.cold_from(within)):
        tau = np.array([start * scale])
        assert np.exp(exact(row, tau).log_rest - shape.cold(tau))[0] == pytest.approx(1, abs=within * (1 + 1e-9))
    tau = np.array([shape.hot_from(within) / scale])
    assert (exact(row, tau).divergence / shape.hot(tau))[0] == pytest.approx(1, abs=within * (1 + 1e-9))


def test_the_range_of_the_cold_law_is_not_cautious() -> None:
    """With two tokens 1 - P is e / (1 + e), e = exp(-Δ/τ): at the end of the range for 1% the law is off by 0.98%."""
    shape = Shape.of((1.0, 0.0))
    tau = np.array([shape.cold_from(0.01)])
    assert np.exp(exact((1.0, 0.0), tau).log_rest - shape.cold(tau))[0] == pytest.approx(
        1 / (1 + 0.01 / 1.01), rel=1e-12
    )


def test_the_law_fails_outside_its_range() -> None:
    shape, tau = Shape.of((0.0, -1.0, -1.1, -1.2)), np.array([1.0])
    assert exact((0.0, -1.0, -1.1, -1.2), tau).log_rest[0] - shape.cold(tau)[0] > 0.1


@pytest.mark.parametrize("sign", [1, -1])
def test_the_hot_law_leaves_what_the_third_cumulant_says(sign: int) -> None:
    row = sign * np.random.default_rng(0).gamma(2.0, size=500)  # skewed to one side
    shape = Shape.of(row)
    assert np.sign(shape.third) == sign
    tau = np.array([100 * shape.spread])
    left = exact(row, tau).divergence / shape.hot(tau) - 1
    assert left == pytest.approx(shape.hot_next(tau), rel=0.02)


def test_the_entropy_follows_from_the_same_gap() -> None:
    """H = ln m₀ + m (1 + Δ/τ) exp(-Δ/τ): the README's corollary."""
    row = (2.0, 2.0, 1.0, 1.0, 1.0, 0.0)
    shape, tau = Shape.of((*row,)), 0.04
    law = shape.multiplicity * (1 + shape.gap / tau) * math.exp(-shape.gap / tau)
    # In H itself ln 2 would hide it: 1.5e-9 of which float64 keeps seven digits.
    assert exact(row, [tau]).entropy[0] - math.log(2) == pytest.approx(law, rel=1e-6)
    single = (2.0, 1.0, 0.0)
    assert exact(single, [0.02]).entropy[0] == pytest.approx(51 * math.exp(-50), rel=1e-12)


@pytest.mark.parametrize("fit", [cold_fit, hot_fit])
def test_equal_logits_have_no_law(fit: object) -> None:
    with pytest.raises(ValueError, match="equal"):
        fit((1.0, 1.0, 1.0), COLD)  # type: ignore[operator]


def holds(fit: Fit, inside: NDArray[np.bool_]) -> None:
    assert fit.ratios[inside] == pytest.approx(1, abs=WITHIN)
    assert fit.constant == pytest.approx(1, abs=WITHIN)
    assert fit.exponent == pytest.approx(fit.predicted, rel=WITHIN)


@pytest.mark.parametrize("name", ["ex0", "ex1"])
def test_both_laws_hold_for_the_logits_of_gpt2(name: str) -> None:
    logits = gpt2(name)
    holds(cold_fit(logits, COLD), COLD <= 1)
    holds(hot_fit(logits, HOT), HOT >= 1)
    holds(hot_fit(truncated(logits, 50), HOT), HOT >= 1)


def test_the_cold_law_of_gpt2_needs_no_fit() -> None:
    """By hand from the two largest logits, at a temperature of the homework's."""
    logits = gpt2("ex0")
    second, first = np.sort(logits)[-2:]
    assert exact(logits, [0.01]).log_rest[0] == pytest.approx((second - first) / 0.01, abs=1e-8)


def test_both_laws_hold_in_a_hundred_contexts() -> None:
    model = load_model("pocket-s")
    rows = []
    for prompt in load_prompts("fables", limit=25):
        start, rest = model.encode(prompt.text), model.continuation(prompt.reference or "")
        places = range(len(start) - 1, len(start) + 31, 8)
        rows.append(model.forward([[*start, *rest]], [places])[0].double().numpy())
    contexts = np.concatenate(rows)
    assert len(contexts) >= 100
    for row in contexts:
        holds(cold_fit(row, COLD), COLD <= 1)
        holds(hot_fit(row, HOT), HOT >= 1)
