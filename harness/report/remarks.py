"""What a reader of the table has to know besides."""

from __future__ import annotations

import math

from harness.report import escape
from harness.report.tables import Table
from harness.report.writers import unranked
from harness.results import Sweep


def remarks(sweep: Sweep, table: Table) -> list[str]:
    """Notes of the sweep and of its scores, what is not ranked or tested, jobs that are missing: lines of Markdown."""
    notes: dict[str, list[str]] = {}
    for job in sweep.jobs:
        for score in job.scores:
            for note in score.notes:
                notes.setdefault(f"{score.name}: {note}", []).append(job.label)
    lines = [
        f"{escape.markdown(', '.join(names))}: not ranked, as signatures differ in {escape.markdown(why)}"
        for why, names in unranked(table).items()
    ]
    if any(why.startswith("texts ") for why in unranked(table)):
        lines.append("distances from the reference texts compare them all the same: they take one text per prompt")
    lines += [
        escape.markdown(note) + ("" if len(labels) == len(sweep.jobs) else f" ({escape.markdown(', '.join(labels))})")
        for note, labels in notes.items()
    ]
    if any(cell and cell.interval for column in table.columns for cell in column.cells):
        lines.append(f"In brackets: 95% intervals ({_methods(table)})")
    lines += [escape.markdown(note) for note in (*sweep.notes, *_alike(table), *untested(sweep, table))]
    return lines + [f"unfinished, not in this report: {escape.code(name)}" for name in sweep.unfinished]


def _methods(table: Table) -> str:
    """How the intervals of the table were made."""
    said = {
        "bca": "bootstrap over prompts, bias-corrected and accelerated",
        "percentile": "bootstrap over prompts, percentile",
        "student": "Student's, over few prompts",
        "wilson": "Wilson's, of shares of texts",
        "jackknife": "jackknife over 20 groups of prompts",
    }
    by_method: dict[str, list[str]] = {}
    for column in table.columns:
        for cell in column.cells:
            method = cell.score.method if cell and cell.interval else None
            if method in said and column.name not in by_method.setdefault(method, []):
                by_method[method].append(column.name)
    return "; ".join(f"{said[method]}: {escape.markdown(', '.join(names))}" for method, names in by_method.items())


def _alike(table: Table) -> list[str]:
    """Rows that hold the same texts, and what that means."""
    groups: dict[int, list[str]] = {}
    for label, first in zip(table.labels, table.alike, strict=False):
        groups.setdefault(first, []).append(label)
    return [
        f"{', '.join(labels)}: the same texts, so one hypothesis, which tests and the verdict count once"
        for labels in groups.values()
        if len(labels) > 1
    ]


def untested(sweep: Sweep, table: Table) -> list[str]:
    """Rows that a table with a baseline has no tests of."""
    ranked = [column for column in table.columns if not column.differs]
    if not table.baseline or not ranked:
        return []
    start = table.labels.index(table.baseline)
    base = sweep.jobs[start]
    lacking: list[str] = []
    unpaired: list[str] = []
    for row, job in enumerate(sweep.jobs):
        cells = [cell for column in ranked if (cell := column.cells[row]) and column.cells[start]]
        if table.alike[row] == table.alike[start] or not cells or any(not math.isnan(cell.p) for cell in cells):
            continue
        (unpaired if job.evidence and base.evidence else lacking).append(job.label)
    if lacking and not base.evidence:
        return [f"not tested: {base.label}, the baseline, has no evidence.parquet, or an older version's"]
    reasons = (("no evidence.parquet, or an older version's", lacking), ("no score that can be paired", unpaired))
    return [f"not tested against {base.label}: {why} ({', '.join(labels)})" for why, labels in reasons if labels]
