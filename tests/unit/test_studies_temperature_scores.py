"""Scores against temperature."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from harness.results import JobResult, ScoreRecord
from harness.studies.temperature.scores import quality


def job(**values: tuple[float, float | None]) -> JobResult:
    """A job whose scores have these values and gaps, and intervals of 0.1 to either side."""
    scores = [
        ScoreRecord(
            name.replace("_", "-"), v, "reference", "", v - 0.1, v + 0.1, reference=None if g is None else v - g, gap=g
        )
        for name, (v, g) in values.items()
    ]
    empty = pd.DataFrame()
    return JobResult("t", Path("nowhere"), {}, {}, "", empty, scores, empty)


def test_each_score_has_its_closest_temperature() -> None:
    jobs = {
        0.0: [job(rep_4=(0.5, 0.4), diversity=(0.1, -0.8), length=(64.0, 0.0), mauve=(0.4, None))],
        0.5: [job(rep_4=(0.1, 0.0), diversity=(0.6, -0.3), length=(64.0, 0.0), mauve=(0.8, None))],
        1.0: [job(rep_4=(0.0, -0.1), diversity=(0.95, 0.05), length=(64.0, 0.0), mauve=(0.9, None))],
    }
    found = quality(jobs)
    assert found["closest"] == [{"tau": 0.5, "scores": ["rep-4"]}, {"tau": 1.0, "scores": ["diversity"]}]
    assert found["highest"] == {"tau": 1.0, "reaching": [0.5]}
    assert found["names"] == ["mauve", "diversity", "rep-4"]
    assert found["rows"][0]["cells"][2] == {"value": 0.5, "low": 0.4, "high": 0.6}


def test_seeds_are_put_together() -> None:
    found = quality({0.5: [job(mauve=(0.4, None)), job(mauve=(0.6, None))]})
    assert found["rows"][0]["cells"] == [{"value": 0.5, "low": None, "high": None}]
    assert found["closest"] == []


def test_without_scores_there_is_nothing_to_say() -> None:
    assert quality({0.5: [job()]}) == {
        "names": [],
        "rows": [{"tau": 0.5, "cells": []}],
        "references": [],
        "closest": [],
        "highest": None,
    }
