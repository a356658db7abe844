"""What a reader of the table is told besides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.report.remarks import remarks
from harness.report.tables import tabulate
from harness.results import JobResult, Sweep, read_sweep
from tests import sweeps


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return read_sweep(sweeps.sweep(tmp_path, dict(list(sweeps.SIX.items())[:3]), prompts=6))


def told(sweep: Sweep, *jobs: JobResult) -> str:
    given = replace(sweep, jobs=list(jobs or sweep.jobs))
    return "\n".join(remarks(given, tabulate(given.jobs, given.references)))


def test_nothing_is_missed_where_nothing_is_missing(sweep: Sweep) -> None:
    assert "tested" not in told(sweep)
    assert "same texts" not in told(sweep)


def test_missing_tests_are_said(sweep: Sweep) -> None:
    first, second, third = sweep.jobs
    bare = replace(second, evidence={})
    assert "not tested against greedy: no evidence.parquet, or an older version's (beam(num\\_beams=8))".replace(
        "\\_", "_"
    ) in told(sweep, first, bare, third)
    assert "not tested: greedy, the baseline, has no evidence.parquet" in told(
        sweep, replace(first, evidence={}), second
    )
    other = {name: replace(each, prompts="others") for name, each in second.evidence.items()}
    said = told(sweep, first, replace(second, evidence=other), third)
    assert "not tested against greedy: no score that can be paired (beam(num_beams=8))" in said


def test_what_is_not_ranked_is_not_missed(sweep: Sweep) -> None:
    first, second, _ = sweep.jobs
    said = told(sweep, first, replace(second, signature="job|model:other", evidence={}))
    assert "not ranked" in said
    assert "tested" not in said


def test_rows_of_the_same_texts_are_named(sweep: Sweep) -> None:
    first, second, third = sweep.jobs
    said = told(sweep, first, replace(second, generations=first.generations, evidence={}), third)
    assert (
        "greedy, beam(num_beams=8): the same texts, so one hypothesis, which tests and the verdict count once" in said
    )
    assert "tested against" not in said  # what is asked of one is asked of the other


def test_notes_of_the_sweep_are_shown_as_text(sweep: Sweep) -> None:
    assert "\\*x\\* &lt;b&gt;" in told(replace(sweep, notes=["*x* <b>"]))
