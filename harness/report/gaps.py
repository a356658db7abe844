"""How far each job is from the reference texts: a table of differences, measured at equal lengths."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator

from harness.report import escape
from harness.report.grid import Grid
from harness.report.tables import ALPHA, MISSING, Column, Table, decimals, number
from harness.report.writers import MARK
from harness.results import ScoreRecord
from harness.stats import holm


def grid(table: Table) -> Grid | None:
    """One row per job, one column per score that has a gap; None where none has.

    A gap is signed: above 0 the job has more of it than the references. Marked are those that chance does not explain,
    after Holm's correction over the table.
    """
    columns = [column for column in table.columns if any(_gaps(column, table.jobs))]
    if not columns:
        return None
    adjusted, tests = _adjusted(columns, table)
    rows = [
        [label, *(_shown(column, row, adjusted.get((column.name, row), math.nan)) for column in columns)]
        for row, label in enumerate(table.labels[: table.jobs])
    ]
    said = (
        f"Job minus references, one text per prompt, each pair cut to the shorter of the two (lengths themselves are "
        f"not); {MARK} more than chance explains (p < {ALPHA}, Holm's correction for {tests} tests)."
    )
    return Grid(["strategy", *(column.name for column in columns)], rows, said)


def to_csv(table: Table) -> str:
    """One line per job and score that has a gap: strategy, score, gap, low, high, p, p after Holm's correction."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["strategy", "score", "gap", "low", "high", "p", "p holm"])
    adjusted, _ = _adjusted(table.columns, table)
    for column in table.columns:
        for row, score in enumerate(_gaps(column, table.jobs)):
            if score is not None and score.gap is not None:
                digits = _digits(column, score)
                numbers = [_number(v, digits) for v in (score.gap, score.gap_low, score.gap_high)]
                ps = [_p(score.gap_p), _p(adjusted.get((column.name, row)))]
                writer.writerow([escape.cell(table.labels[row]), escape.cell(column.name), *numbers, *ps])
    return text.getvalue()


def _gaps(column: Column, jobs: int) -> Iterator[ScoreRecord | None]:
    for cell in column.cells[:jobs]:
        yield cell.score if cell and cell.score.gap is not None and math.isfinite(cell.score.gap) else None


def _adjusted(columns: list[Column], table: Table) -> tuple[dict[tuple[str, int], float], int]:
    """(score, row) -> the p-value of its gap after Holm's correction; and for how many tests that is.

    Rows that hold the same texts are tested once.
    """
    first: dict[tuple[str, int, str], float] = {}  # score, first row of these texts, signature -> p
    of_row = {}
    for column in columns:
        for row, score in enumerate(_gaps(column, table.jobs)):
            if score is not None and score.gap_p is not None and not math.isnan(score.gap_p):
                of_row[column.name, row] = (column.name, table.alike[row], score.signature)
                first.setdefault(of_row[column.name, row], score.gap_p)
    corrected = dict(zip(first, map(float, holm(list(first.values()))), strict=True))
    return {key: corrected[test] for key, test in of_row.items()}, len(first)


def _digits(column: Column, score: ScoreRecord) -> int:
    """As many as the table shows of the scores themselves, so that a gap can be checked against it."""
    return decimals(score.value, column.scale)


def _shown(column: Column, row: int, p: float) -> str:
    cell = column.cells[row]
    score = cell.score if cell else None
    if score is None or score.gap is None or not math.isfinite(score.gap):
        return MISSING
    digits = _digits(column, score)
    interval = f" ({_number(score.gap_low, digits)} to {_number(score.gap_high, digits)})"
    known = score.gap_low is not None and not math.isnan(score.gap_low)
    return f"{_number(score.gap, digits)}{MARK if p < ALPHA else ''}{interval if known else ''}"


def _number(value: float | None, digits: int) -> str:
    """With its sign, unless it is shown as 0."""
    if value is None or math.isnan(value):
        return ""
    shown = number(value, digits)
    return shown if shown.startswith("-") or not shown.strip("0.") else f"+{shown}"


def _p(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.2g}"
