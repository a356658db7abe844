from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from harness.bca import bounds

DRAWS = np.random.default_rng(0).normal(size=4000)
SPREAD = np.random.default_rng(1).normal(size=50)


@pytest.mark.parametrize("units", [5, 30, 1000])
def test_percentiles_of_a_mean_are_as_far_apart_as_students(units: int) -> None:
    # Resampled means spread by the standard deviation without the n - 1; Student's interval has it and his quantile.
    grid = scipy.stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000) * np.sqrt((units - 1) / units)
    low, high, method = bounds(grid, 0.0, None, units, 0.95)
    reach = scipy.stats.t.ppf(0.975, units - 1)
    assert method == "percentile"
    assert (low, high) == pytest.approx((-reach, reach), rel=0.01)


def test_a_symmetric_number_without_bias_has_its_percentiles() -> None:
    symmetric = np.concatenate([DRAWS, -DRAWS])
    left_out = np.concatenate([SPREAD, -SPREAD])
    corrected = bounds(symmetric, 0.0, left_out, 100, 0.95)
    assert corrected[2] == "bca"
    assert corrected[:2] == pytest.approx(bounds(symmetric, 0.0, None, 100, 0.95)[:2])


def test_skewness_and_bias_move_both_ends_up() -> None:
    plain = bounds(DRAWS, float(np.median(DRAWS)), None, 50, 0.95)
    high_value = bounds(DRAWS, float(np.median(DRAWS)) + 0.2, SPREAD - SPREAD.mean(), 50, 0.95)
    assert high_value[0] > plain[0]
    assert high_value[1] > plain[1]
    one_prompt_pulls_up = -np.random.default_rng(2).exponential(size=50)
    skewed = bounds(DRAWS, float(np.median(DRAWS)), one_prompt_pulls_up, 50, 0.95)
    assert skewed[0] > plain[0]
    assert skewed[1] > plain[1]


@pytest.mark.parametrize(
    ("value", "left_out"),
    [
        (9.0, SPREAD),  # every resample on one side of the number
        (0.0, np.append(SPREAD, np.inf)),  # no number without one of the prompts
        (2.0, np.append(np.zeros(400), -1.0)),  # one prompt that outweighs the others, which have no value
    ],
)
def test_where_it_has_no_value_the_percentiles_stay(value: float, left_out: np.ndarray) -> None:
    few = 3 if len(left_out) == 401 else 50
    found = bounds(DRAWS, value, left_out, few, 0.95)
    assert found == bounds(DRAWS, value, None, few, 0.95)
    assert found[2] == "percentile"


def test_rounding_does_not_say_on_which_side_a_resample_is() -> None:
    ties = np.repeat([-1.0, 0.5, 2.0], 500)
    exact = bounds(ties, 0.5, SPREAD, 50, 0.95)
    assert bounds(ties * (1 + 1e-15), 0.5, SPREAD, 50, 0.95) == pytest.approx(exact)
    assert bounds(ties - 1e-16, 0.5, SPREAD, 50, 0.95)[:2] == pytest.approx(exact[:2])
