"""Models of several sizes: whose scores rise or fall with size, and what is tested."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.results import ScoreRecord, read_sweep
from harness.stats import paired
from harness.studies.homework.sizes import BITS, bits
from harness.studies.model_sizes import Row, changes, rows, steady
from tests import sweeps

TWO: dict[str, tuple[float, Mapping[str, Any]]] = {"greedy": (0.0, {}), "top_p": (0.7, {"top_p": 0.9})}


def row(model: str, **values: float) -> Row:
    scores = {name: ScoreRecord(name, value, "low", f"{name}|v:1") for name, value in values.items()}
    return Row("greedy", model, scores)


def test_a_score_is_steady_if_every_step_goes_one_way() -> None:
    found = [
        row("s", up=1, down=3, bent=1, gap=1),
        row("m", up=2, down=2, bent=3),
        row("l", up=4, down=1, bent=2, gap=3),
    ]
    known = steady(found, ["s", "m", "l"], "greedy", ["up", "down", "bent", "gap"])
    assert known == {"up": "rises", "down": "falls"}
    assert steady(found[:2], ["s", "m"], "greedy", ["up"]) == {}  # of two models one step says nothing
    assert steady(found, ["s", "m", "l"], "top_p", ["up"]) == {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return sweeps.sweep(tmp_path / "sweep", TWO, models=("small", "large"), prompts=10)


def test_rows_are_strategy_by_strategy_the_smallest_model_first(folder: Path) -> None:
    found = rows(read_sweep(folder), ["large", "small"])
    assert [(each.strategy, each.model) for each in found] == [
        ("greedy", "large"),
        ("greedy", "small"),
        ("top_p", "large"),
        ("top_p", "small"),
    ]


def test_models_are_compared_with_the_smallest_on_the_same_prompts(folder: Path) -> None:
    sweep = read_sweep(folder)
    shown = [  # evidence of a score that is not each model's own
        replace(job, evidence={"rep-4": replace(job.evidence["perplexity"], score="rep-4", signature="rep-4|v:1")})
        for job in sweep.jobs
    ]
    sweep = replace(sweep, jobs=shown)
    found = changes(sweep, ["small", "large"], bits(sweep), ["rep-4", "perplexity"])
    assert [(each.score, each.strategy, each.model) for each in found] == [
        (BITS, "", "large"),
        ("rep-4", "greedy", "large"),
        ("rep-4", "top_p", "large"),
    ]
    one, other = (
        next(job for job in shown if job.label == f"greedy {model}").evidence["rep-4"] for model in ("large", "small")
    )
    expected = paired(one.values, other.values, one.units.tolist(), "exp-ratio")
    assert found[1].difference.value == pytest.approx(expected.value)
    assert found[1].difference.p == pytest.approx(expected.p)
    assert all(each.p >= each.difference.p or math.isnan(each.p) for each in found)


def test_each_models_own_perplexity_is_not_compared(folder: Path) -> None:
    sweep = read_sweep(folder)
    assert [each.score for each in changes(sweep, ["small", "large"], {}, ["perplexity"])] == []
