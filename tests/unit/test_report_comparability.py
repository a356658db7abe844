"""What keeps sweeps from being compared, named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.report.comparability import obstacles
from harness.results import ScoreRecord, Sweep
from tests.unit.test_report_tables import job

BASE = "job|model:m@1|prompts:p[3]@1|new:48|samples:1|seed:0|strategy:greedy|dtype:float32|packed:yes|engine:fast|v:1"


def sweep(folder: str, *jobs: tuple[str, str], score: str = "x|unit:words|texts:3|v:1", value: float = 1.0) -> Sweep:
    """Jobs (label, signature) with two scores of this signature."""
    found = [
        replace(
            job(label, *(ScoreRecord(name, value, "low", score.replace("x", name, 1)) for name in ("x", "y"))),
            signature=signature,
        )
        for label, signature in jobs
    ]
    return Sweep(Path(folder), folder, "", found, [])


ONE = sweep("r/one", ("greedy", BASE))


@pytest.mark.parametrize(("field", "value"), [("strategy", "top_p(top_p=0.9)"), ("seed", "7")])
def test_strategy_and_seed_may_differ(field: str, value: str) -> None:
    before = {"strategy": "greedy", "seed": "0"}[field]
    assert obstacles([ONE, sweep("r/two", ("other", BASE.replace(f"{field}:{before}", f"{field}:{value}")))]) == []


@pytest.mark.parametrize(
    ("field", "before", "after"),
    [
        ("model", "m@1", "m@2"),
        ("prompts", "p[3]@1", "p[3]@2"),
        ("new", "48", "64"),
        ("samples", "1", "4"),
        ("dtype", "float32", "bfloat16"),
        ("packed", "yes", "no"),
        ("engine", "fast", "exact(tile=8)"),
        ("v", "1", "2"),
    ],
)
def test_anything_else_is_named_with_both_values_and_the_jobs(field: str, before: str, after: str) -> None:
    other = BASE.replace(f"{field}:{before}", f"{field}:{after}")
    assert obstacles([ONE, sweep("r/two", ("beam", other))]) == [
        f"{field} is {before} in one (greedy) and {after} in two (beam)"
    ]


def test_a_sweep_by_itself_has_no_obstacles() -> None:
    assert obstacles([sweep("r/one", ("a", BASE), ("b", BASE.replace("m@1", "m@2")))]) == []


def test_every_field_and_some_of_the_jobs_are_named() -> None:
    many = sweep("r/two", *((name, BASE.replace("m@1", "n@1").replace("new:48", "new:9")) for name in "abcde"))
    assert obstacles([ONE, many]) == [
        "model is m@1 in one (greedy) and n@1 in two (a, b, c and 2 more)",
        "new is 48 in one (greedy) and 9 in two (a, b, c and 2 more)",
    ]


def test_scores_measured_otherwise_are_named_together() -> None:
    other = sweep("r/two", ("beam", BASE), score="x|unit:model-tokens|texts:3|v:1")
    assert obstacles([ONE, other]) == ["unit of x, y is words in one (greedy) and model-tokens in two (beam)"]
    assert obstacles([ONE, sweep("r/two", ("beam", BASE), score="x|texts:3|v:1")]) == [
        "unit of x, y is words in one (greedy) and absent in two (beam)"
    ]


def test_scores_of_other_numbers_of_texts_are_left_to_the_table() -> None:
    assert obstacles([ONE, sweep("r/two", ("top_p", BASE), score="x|unit:words|texts:12|v:1")]) == []


def test_a_score_without_a_value_stands_in_nobodys_way() -> None:
    nothing = sweep("r/two", ("beam", BASE), score="x|unit:none|texts:none|v:1", value=float("nan"))
    assert obstacles([ONE, nothing]) == []


def test_folders_of_one_name_are_told_apart() -> None:
    (said,) = obstacles([sweep("a/runs/x", ("greedy", BASE)), sweep("b/runs/x", ("beam", BASE.replace("m@1", "m@2")))])
    assert said == "model is m@1 in a/runs/x (greedy) and m@2 in b/runs/x (beam)"
