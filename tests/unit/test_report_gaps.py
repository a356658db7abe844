"""The table of distances from the references."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

from harness.report import gaps
from harness.report.tables import tabulate
from harness.results import JobResult, ScoreRecord
from tests import sweeps


def job(label: str, *scores: ScoreRecord) -> JobResult:
    empty = sweeps.rows(0.5, [])
    return JobResult(label, Path(), {}, {}, "", empty, list(scores), empty, "reference")


def score(name: str, value: float, gap: float | None, p: float | None = 0.5, spread: float = 0.02) -> ScoreRecord:
    plain = ScoreRecord(name, value, "reference", f"{name}|v:1", reference=0.5)
    if gap is None:
        return plain
    return replace(plain, gap=gap, gap_low=gap - spread, gap_high=gap + spread, gap_p=p)


def test_gaps_are_signed_and_marked_after_one_correction() -> None:
    made = tabulate(
        [
            job("a", score("x", 0.4, -0.1, 0.03), score("y", 30.0, 12.34, 0.0001, spread=1.0)),
            job("b", score("x", 0.5, 0.0, 0.9), score("y", 20.0, None)),
        ]
    )
    grid = gaps.grid(made)
    assert grid is not None
    text = grid.to_markdown()
    rows = text.splitlines()
    assert rows[0] == "| strategy | x | y |"
    assert rows[2] == "| a | -0.100 (-0.120 to -0.080) | +12.3† (+11.3 to +13.3) |"
    assert rows[3] == "| b | 0.000 (-0.020 to +0.020) | – |"
    assert "Holm's correction for 3 tests" in text


def test_every_gap_is_in_the_csv() -> None:
    made = tabulate([job("a", score("x", 0.4, -0.1, 0.02)), job("b", score("x", 0.5, 0.0, 0.9))])
    rows = list(csv.DictReader(io.StringIO(gaps.to_csv(made))))
    assert [(r["strategy"], r["gap"], r["p"], r["p holm"]) for r in rows] == [
        ("a", "-0.100", "0.02", "0.04"),
        ("b", "0.000", "0.9", "0.9"),
    ]


def test_without_references_there_is_no_table() -> None:
    made = tabulate([job("a", score("x", 0.4, None))])
    assert gaps.grid(made) is None
    assert len(gaps.to_csv(made).splitlines()) == 1


def test_the_same_texts_are_tested_once() -> None:
    texts = sweeps.rows(0.5, ["a", "b"])
    jobs = [replace(job(label, score("x", 0.4, -0.1, 0.02)), generations=texts) for label in ("a", "b")]
    made = tabulate([*jobs, job("c", score("x", 0.5, 0.0, 0.9))])
    assert [r["p holm"] for r in csv.DictReader(io.StringIO(gaps.to_csv(made)))] == ["0.04", "0.04", "0.9"]
    grid = gaps.grid(made)
    assert grid is not None
    assert "Holm's correction for 2 tests" in grid.note
