"""The scores of a sweep over temperatures, and the temperature at which each is closest to the references."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.report.tables import find
from harness.results import JobResult

SHOWN = ("perplexity", "mauve", "diversity", "rep-4", "loops")
"""What answers.md shows of every temperature; the report of the sweep has all."""


def quality(jobs: Mapping[float, Sequence[JobResult]]) -> dict[str, Any]:
    """`names`, the scores of SHOWN that there are; `rows`, them at every temperature; `closest` and `highest`.

    Args:
        jobs: by temperature, those that differ in their seed alone. A score of several seeds is their mean.

    Returns:
        `closest` has the names of the scores that the references have too, by the temperature whose gap to them is
        smallest; `highest` has the temperature at which `mauve` is largest, and the others whose intervals reach that
        of it; or nothing.
    """
    every = [job for group in jobs.values() for job in group]
    names = [name for name in SHOWN if any(find(job.scores, name) for job in every)]
    rows = [{"tau": tau, "cells": [_cell(group, name) for name in names]} for tau, group in jobs.items()]
    references = [next((s.reference for job in every if (s := find(job.scores, name))), None) for name in names]
    gaps: dict[str, dict[float, float]] = {}
    for tau, group in jobs.items():
        for name in dict.fromkeys(score.name for job in group for score in job.scores):
            found = [s.gap for job in group if (s := find(job.scores, name)) and s.gap is not None]
            if found and math.isfinite(gap := float(np.mean(found))):
                gaps.setdefault(name, {})[tau] = abs(gap)
    closest: dict[float, list[str]] = {}
    for name, at in gaps.items():
        best = [tau for tau, gap in at.items() if gap == min(at.values())]
        if len(best) == 1 and len(at) == len(jobs):  # a score that several leave alike says nothing
            closest.setdefault(best[0], []).append(name)
    mauve = {tau: cell for tau, group in jobs.items() if (cell := _cell(group, "mauve"))["value"] is not None}
    return {
        "names": names,
        "rows": rows,
        "references": references,
        "closest": [{"tau": tau, "scores": closest[tau]} for tau in sorted(closest)],
        "highest": _highest(mauve) if mauve else None,
    }


def _highest(cells: Mapping[float, Mapping[str, float | None]]) -> dict[str, Any]:
    best = max(cells, key=lambda tau: cells[tau]["value"] or 0.0)
    low = cells[best]["low"]
    return {
        "tau": best,
        "reaching": [
            tau
            for tau, cell in cells.items()
            if tau != best and low is not None and cell["high"] is not None and cell["high"] >= low
        ],
    }


def _cell(jobs: Sequence[JobResult], name: str) -> dict[str, float | None]:
    scores = [score for job in jobs if (score := find(job.scores, name))]
    if not scores:
        return {"value": None, "low": None, "high": None}
    one = scores[0] if len(scores) == 1 else None
    value = float(np.mean([score.value for score in scores]))
    return {"value": value, "low": one.low if one else None, "high": one.high if one else None}
