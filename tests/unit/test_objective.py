"""What a search may ask for, and the number that it gets."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.configs import options
from harness.errors import InputError
from harness.loaders import load_metric
from harness.metrics.base import Metric
from harness.objective import check_objective, expected, objective
from harness.results import ScoreRecord, write_scores
from harness.sweep import Job, Search


def job(objective: str | None, direction: str | None = "minimize", folder: Path = Path("r"), **given: Any) -> Job:
    search = Search("optuna", direction)
    return replace(Job({"objective": objective}, folder, folder, {}, (), new=False, alone=True, search=search), **given)


@pytest.fixture(scope="module")
def metrics() -> dict[str, Metric]:
    return {name: load_metric(name) for name in ("repetition", "loops", "perplexity", "mauve")}


@pytest.mark.parametrize("name", options("metrics"))
def test_every_metric_says_what_it_will_score(name: str) -> None:
    assert expected(load_metric(name))


def test_a_metric_that_needs_more_than_two_texts_is_asked_later() -> None:
    class Odd(Metric):
        def __call__(self, *_: object) -> list[Any]:
            raise RuntimeError

    odd = object.__new__(Odd)
    assert expected(odd) is None
    check_objective(job("odd-7"), {"odd": odd})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (job("rep-5"), r"^objective='rep-5': .*did you mean 'rep-4'\?.*loops"),
        (job("mauve"), r"^hydra.sweeper.direction=minimize: .*maximize"),
        (job("loops", "maximize"), r"^hydra.sweeper.direction=maximize: .*minimize"),
        (job("rep-4", "maximize"), r"^hydra.sweeper.direction=maximize: .*distance from the references.*minimize"),
        (job("loops", "['minimize', 'maximize']"), r"^hydra.sweeper.direction=\["),
        (job(None), r"^objective=None: hydra/sweeper=optuna needs"),
        (job("loops", search=None), r"^objective='loops': only a sweeper that searches"),
    ],
)
def test_what_comes_to_nothing_is_refused(given: Job, says: str, metrics: dict[str, Metric]) -> None:
    with pytest.raises(InputError, match=says):
        check_objective(given, metrics)


@pytest.mark.parametrize(
    "given", [job("mauve", "maximize"), job("loops"), job("rep-4"), job("rep-4", None), job(None, None)]
)
def test_what_can_be_searched_for_is_not(given: Job, metrics: dict[str, Metric]) -> None:
    check_objective(given, metrics)


SCORES = [
    ScoreRecord("mauve", 0.25, "high", "mauve|v:1"),
    ScoreRecord("rep-1", 0.25, "reference", "rep-1|v:1", reference=0.5, gap=-0.125),
    ScoreRecord("rep-2", 0.25, "reference", "rep-2|v:1", reference=0.75),
    ScoreRecord("rep-3", 0.25, "reference", "rep-3|v:1"),
    ScoreRecord("loops", math.nan, "low", "loops|v:1", notes=("nobody looped",)),
]


@pytest.mark.parametrize(
    ("name", "direction", "value", "shown"),
    [
        ("mauve", "maximize", 0.25, "mauve 0.25"),
        ("rep-1", "minimize", 0.125, "rep-1 0.25, 0.125 from the references"),  # at equal lengths, as tables rank it
        ("rep-2", "minimize", 0.5, "rep-2 0.25, 0.5 from the references"),
    ],
)
def test_the_objective_is_the_score_or_its_distance(
    name: str, direction: str, value: float, shown: str, tmp_path: Path
) -> None:
    write_scores(tmp_path, SCORES)
    assert objective(job(name, direction, tmp_path)) == (value, shown)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("loops", "^objective=loops: has no value: nobody looped"),
        ("rep-3", "^objective=rep-3: has no value: there are no references"),
        ("rep-9", "^objective='rep-9': .*rep-1, rep-2"),
        ("mauve", "^hydra.sweeper.direction=minimize"),
    ],
)
def test_a_score_without_a_value_is_no_objective(name: str, says: str, tmp_path: Path) -> None:
    write_scores(tmp_path, SCORES)
    with pytest.raises(InputError, match=says):
        objective(job(name, "minimize", tmp_path))
