"""Jobs taken together: their seeds, and what they are called then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from harness.report.series import by_seed, draws, panels, shared
from harness.results import JobResult


def job(label: str, seed: int | None, texts: str = "", strategy: str = "a") -> JobResult:
    config = {"strategy": {"factory": strategy}} | ({} if seed is None else {"seed": seed})
    frame = pd.DataFrame({"prompt_id": ["p"], "text": [texts or label]})
    return JobResult(label, Path(label), config, {"strategy": strategy}, "", frame, [], frame, None)


def labels(groups: list[list[JobResult]]) -> list[list[str]]:
    return [[job.label for job in group] for group in groups]


def test_seeds_come_together() -> None:
    jobs = [job("a 0", 0), job("b 0", 0, strategy="b"), job("a 1", 1), job("b 1", 1, strategy="b")]
    assert labels(by_seed(jobs)) == [["a 0", "a 1"], ["b 0", "b 1"]]


def test_the_same_seed_again_is_another_group() -> None:
    assert labels(by_seed([job("a 0", 0), job("a 1", 1), job("c 0", 0), job("c 1", 1)])) == [
        ["a 0", "a 1"],
        ["c 0", "c 1"],
    ]
    assert labels(by_seed([job("a", None), job("b", None)])) == [["a"], ["b"]]


def test_chance_made_what_differs() -> None:
    same, other = [job(f"a {s}", s, "t") for s in (0, 1, 2)], job("a 3", 3, "u")
    assert draws(same) == same[:1]
    assert draws([*same, other]) == [*same, other]  # two draws may well give the same text
    unknown = [replace(each, generations=pd.DataFrame()) for each in same]
    assert draws(unknown) == unknown


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([["greedy seed=0", "greedy seed=1"], ["beam seed=0"]], ["greedy", "beam"]),
        ([["greedy seed=0", "greedy seed=1"], ["beam seed=5"]], ["greedy", "beam"]),
        (
            [["greedy seed=0", "greedy seed=1"], ["beam seed=5"], ["beam seed=6"]],
            ["greedy", "beam seed=5", "beam seed=6"],
        ),
        ([["greedy s", "greedy m"], ["beam s"]], ["greedy", "beam"]),
        ([["greedy seed=0"], ["beam seed=0"]], ["greedy seed=0", "beam seed=0"]),
        ([["a top_k=1"], ["a top_k=2"]], ["a top_k=1", "a top_k=2"]),
    ],
)
def test_what_others_leave_out_a_lone_job_leaves_out_too(given: list[list[str]], said: list[str]) -> None:
    assert shared([[job(label, 0) for label in group] for group in given]) == said


def test_figures_draw_the_same_texts_once() -> None:
    jobs = [job(f"greedy seed={s}", s, "t") for s in (0, 1)] + [job(f"top_p seed={s}", s, strategy="b") for s in (0, 1)]
    (panel,) = panels([*jobs, job("beam seed=0", 0, strategy="c")], [])
    assert [(series.label, len(series.jobs)) for series in panel.series] == [("greedy", 1), ("top_p", 2), ("beam", 1)]
