"""Curves read at equal diversity: against scipy, by hand, and on distributions of which the best rule is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.interpolate import interp1d
from scipy.stats import entropy as scipy_entropy

from harness.configs import option
from harness.results import JobResult
from harness.studies.frontiers.contest import Curve, contest
from harness.studies.frontiers.matching import levels, matched
from harness.studies.frontiers.rules import entropy, rules
from harness.studies.replicates import Groups

IDS = [f"p{i}" for i in range(40)]
GROUPS = Groups(IDS, resamples=300)


def job(label: str, logprobs: list[list[float]] | None = None, factory: str = "", **knobs: Any) -> JobResult:
    strategy = option("strategy", "sample") | knobs
    if factory:
        strategy = {"factory": factory}
    texts = [[-1.0]] if logprobs is None else logprobs
    frame = pd.DataFrame({"prompt_id": IDS[: len(texts)], "strategy_logprob": [np.array(each) for each in texts]})
    return JobResult(label, Path(), {"strategy": strategy}, {}, "", frame, [], pd.DataFrame())


def test_levels_lie_inside_what_all_curves_but_one_reach() -> None:
    curves = [np.array([0.0, 4.0, 2.0]), np.array([1.0, 9.0]), np.array([np.nan, 0.5, 6.5])]
    np.testing.assert_allclose(levels(curves, 2), [2.5, 4.5])  # 0.5 to 6.5, which two of three reach
    np.testing.assert_allclose(levels(curves[:2], 2), [2, 3])  # of two both have to
    assert not len(levels([np.array([0.0, 1.0]), np.array([2.0, 3.0])], 2))
    assert not len(levels([np.array([0.0, 1.0]), np.array([0.5])], 2))
    assert not len(levels([np.array([0.0, 1.0])], 2))


def test_points_are_joined_by_straight_lines_whatever_their_order() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 5, 7))
    at = np.array([-0.3, 0.0, 0.4])
    found = matched(at, x, y)
    for row in range(5):
        line = interp1d(x[row], y[row], bounds_error=False)
        np.testing.assert_allclose(found[row], line(at))


def test_a_curve_has_no_value_where_it_does_not_reach() -> None:
    found = matched(np.array([0.0, 1.5, 3.0]), np.array([1.0, 2.0, np.nan]), np.array([5.0, 7.0, 9.0]))
    np.testing.assert_array_equal(found, [np.nan, 6.0, np.nan])
    assert np.isnan(matched(np.array([1.0]), np.array([1.0]), np.array([1.0]))).all()


def test_a_rule_is_the_one_knob_that_is_set_and_ends_in_plain_sampling() -> None:
    jobs = [
        job("p.9", top_p=0.9),
        job("p.5", top_p=0.5),
        job("k", top_k=5),
        job("plain"),
        job("both", top_k=5, top_p=0.5),
        job("greedy", factory="harness.strategies.sampling.greedy"),
    ]
    found, others = rules(jobs)
    assert {rule: [each.label for each in line] for rule, line in found.items()} == {
        "top_p": ["p.5", "p.9", "plain"],
        "top_k": ["plain", "k"],  # off is 0
    }
    assert others == ["both", "greedy"]
    alone, others = rules([job("k", top_k=5), job("p.9", top_p=0.9), job("p.5", top_p=0.5)])
    assert list(alone) == ["top_p"]
    assert others == ["k"]


def test_strategy_entropy_is_the_mean_surprise_of_all_tokens() -> None:
    found = entropy(job("a", [[-1.0, -2.0], [-6.0]]))
    assert found is not None
    assert found.value == pytest.approx(3.0)
    assert found.units.tolist() == ["p0", "p1"]
    assert entropy(job("search", [[np.nan, np.nan]])) is None
    assert entropy(job("empty", [[]])) is None


def test_strategy_entropy_estimates_that_of_the_distribution() -> None:
    p = np.array([0.5, 0.3, 0.15, 0.05])
    drawn = np.random.default_rng(0).choice(4, size=(40, 500), p=p)
    found = entropy(job("a", np.log(p)[drawn].tolist()))
    assert found is not None
    assert found.value == pytest.approx(scipy_entropy(p), rel=0.01)


def curve(x: list[float], y: list[float], spread: float = 0.01) -> Curve:
    rng = np.random.default_rng(int(1000 * sum(y)))
    noise = spread * rng.normal(size=(GROUPS.resamples, len(x)))
    a, b = np.array(x), np.array(y)
    return a, b, np.tile(a, (GROUPS.resamples, 1)), b + noise


def test_the_best_comes_first_and_others_are_worse_only_where_it_is_shown() -> None:
    curves = {
        "straight": curve([0, 4], [10, 50]),
        "above": curve([0, 4], [20, 60]),
        "near": curve([0, 4], [10.001, 50.001]),
    }
    rounds = contest(curves, GROUPS, 3, high=False)
    assert [each.at for each in rounds] == [1, 2, 3]
    assert [each.best for each in rounds] == [["straight"]] * 3
    assert [each.worse for each in rounds] == [["above"]] * 3
    middle = {entry.rule: entry for entry in rounds[1].entries}
    assert middle["straight"].value == pytest.approx(30)
    assert middle["above"].behind[0] == pytest.approx(10)
    assert middle["above"].behind[1] < 10 < middle["above"].behind[2]
    turned = contest(curves, GROUPS, 3, high=True)
    assert turned[0].best == ["above"]
    assert turned[0].entries[-1].behind[0] == pytest.approx(10)
    assert set(turned[0].worse) == {"straight", "near"}


def test_on_a_log_scale_being_behind_is_a_ratio() -> None:
    curves = {"a": curve([0, 2], [1, 100], 0), "b": curve([0, 2], [2, 200], 1e-6)}
    (one,) = contest(curves, GROUPS, 1, high=False, log=True)
    assert one.entries[0].value == pytest.approx(10)
    assert one.entries[1].behind[0] == pytest.approx(1.0)  # twice as much
    assert one.worse == ["b"]


def test_a_rule_that_does_not_reach_is_not_in_the_round() -> None:
    curves = {"a": curve([0, 4], [0, 4]), "b": curve([0, 4], [1, 5]), "short": curve([3, 4], [0, 0])}
    rounds = contest(curves, GROUPS, 3, high=False)
    assert [[entry.rule for entry in each.entries] for each in rounds] == [["a", "b"], ["a", "b"], ["short", "a", "b"]]


def test_equal_rules_win_together_and_few_prompts_show_nothing() -> None:
    flat = {"a": curve([0, 2], [0, 0], 0), "b": curve([0, 2], [0, 0], 0)}
    (one,) = contest(flat, GROUPS, 1, high=False)
    assert one.best == ["a", "b"]
    assert one.worse == []
    few = Groups(IDS[:3], resamples=300)
    (two,) = contest({"a": curve([0, 2], [0, 0]), "b": curve([0, 2], [9, 9])}, few, 1, high=False)
    assert two.worse == []
    assert contest({"a": curve([0, 2], [0, 0])}, GROUPS, 1, high=False) == []


def truncated(p: NDArray[np.float64], rule: str, knob: float) -> NDArray[np.float64]:
    if rule == "temperature":
        q = p ** (1 / knob)
    else:
        rank = np.argsort(np.argsort(-p))
        q = np.where(rank < knob, p, 0.0)
    return np.asarray(q / q.sum())


def test_at_equal_entropy_a_temperature_has_the_likeliest_tokens() -> None:
    """Of all distributions of a mean entropy p ** (1 / τ) has the highest mean log-probability: the maths of it."""
    contexts = np.random.default_rng(0).dirichlet(np.full(50, 0.3), size=30)
    grid = {"temperature": np.linspace(0.3, 1, 30), "top_k": np.arange(2, 51, dtype=np.float64)}
    curves: dict[str, Curve] = {}
    for rule, knobs in grid.items():
        x, y = [], []
        for knob in knobs:
            each = [(p, truncated(p, rule, knob)) for p in contexts]
            x.append(np.mean([scipy_entropy(q) for _, q in each]))
            y.append(np.exp(-np.mean([q @ np.log(np.where(q > 0, p, 1)) for p, q in each])))
        xs, ys = np.array(x), np.array(y)
        curves[rule] = xs, ys, np.tile(xs, (300, 1)), np.tile(ys, (300, 1))
    rounds = contest(curves, GROUPS, 4, high=False, log=True)
    assert [each.best for each in rounds] == [["temperature"]] * 4
