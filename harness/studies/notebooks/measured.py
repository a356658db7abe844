"""The scores of a sweep as rows for a table: with their intervals, and against a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.evidence import against
from harness.report.escape import markdown
from harness.results import JobResult, ScoreRecord, Sweep
from harness.studies.wording import interval

SURE = 0.05
"""A p-value, after Holm's correction, below which two jobs are told apart."""


def measured(sweep: Sweep, names: Sequence[str]) -> dict[str, Any]:
    """`heads` and `rows` of a table: a row per job and set of references, a column per score that any of them has."""
    sides = [(job.label, job.scores) for job in sweep.jobs] + [(each.label, each.scores) for each in sweep.references]
    known = [name for name in names if any(score.name == name for _, scores in sides for score in scores)]
    rows = []
    for label, scores in sides:
        by_name = {score.name: score for score in scores}
        cells = [interval(s.value, s.low, s.high) if (s := by_name.get(name)) else "–" for name in known]
        if by_name:
            rows.append([markdown(label), *cells])
    return {"heads": ["", *known], "rows": rows}


def jobs_of(sweep: Sweep, model: str) -> list[JobResult]:
    """The jobs that a model of this name decoded."""
    return [job for job in sweep.jobs if job.provenance["model"] == model]


def differences(jobs: Sequence[JobResult], names: Sequence[str]) -> list[dict[str, Any]]:
    """Every other job minus the first in these scores, on the same prompts; p after Holm's correction over all of them.

    `verdict` is None where the two cannot be told apart; else better or worse, or, of a score that should be that of
    the references, closer or further, or differs where there are none.
    """
    if not jobs:
        return []
    wanted = {job.label: {name: e for name, e in job.evidence.items() if name in names} for job in jobs}
    scores = {job.label: {score.name: score for score in job.scores} for job in jobs}
    rows = []
    for (label, name), (found, p) in against(wanted, jobs[0].label).items():
        verdict = _verdict(scores[label][name], scores[jobs[0].label][name]) if p < SURE else None
        apart = {"difference": found.value, "low": found.low, "high": found.high, "p": p}
        rows.append({"label": label, "score": name, **apart, "verdict": verdict})
    return rows


def _verdict(score: ScoreRecord, baseline: ScoreRecord) -> str:
    """What a difference that is there means."""
    if score.better != "reference":
        return "better" if (score.value > baseline.value) == (score.better == "high") else "worse"
    if score.reference is None:
        return "differs"
    return "closer" if abs(score.value - score.reference) < abs(baseline.value - score.reference) else "further"


def difference_rows(found: Sequence[dict[str, Any]]) -> list[list[Any]]:
    """Cells of a table with `DIFFERENCE_HEADS`."""
    return [
        [
            markdown(row["label"]),
            row["score"],
            interval(row["difference"], row["low"], row["high"]),
            row["p"],
            row["verdict"] or "cannot be told apart",
        ]
        for row in found
    ]


DIFFERENCE_HEADS = ("", "score", "difference", "p", "")
