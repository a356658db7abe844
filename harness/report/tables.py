"""The comparison as a table: one row per job and one per set of references, one column per score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from harness.evidence import Evidence, Tests, against
from harness.metrics.base import Better
from harness.report.alike import alike
from harness.report.baseline import choose
from harness.report.leading import leading
from harness.results import JobResult, References, ScoreRecord
from harness.signature import FREE, differing, parse

MISSING = "–"

FIRST = ("perplexity", "mauve", "diversity", "rep-4", "loops", "distinct-2", "length", "eos-share")
"""What is shown first where not every score has room."""

ALPHA = 0.05
"""The chance of being wrong: a difference whose p-value, corrected for the number of tests in the table, is below it is
marked, and the truly best row of a column is left out of those in bold."""


@dataclass(frozen=True)
class Cell:
    """A number and its interval, rounded once for every format."""

    score: ScoreRecord
    value: str
    interval: tuple[str, str] | None
    best: bool = False
    good: bool = False  # best, or not significantly worse (`harness.report.leading`)
    loss: float = math.nan  # how far from the best there can be (`distances`); NaN: it is not ranked
    p: float = math.nan  # of there being no difference from the baseline, after Holm's correction; NaN: no test

    @property
    def marked(self) -> bool:
        """Whether the row differs from the baseline by more than chance explains."""
        return self.p < ALPHA


@dataclass(frozen=True)
class Column:
    """A score of all rows."""

    name: str
    better: Better
    cells: list[Cell | None]  # one per row; None: the row has no such score, or it has no value
    differs: str = ""  # why the rows are not ranked: the field of the signature that differs

    @property
    def arrow(self) -> str:
        """≈: closer to the reference is better; ↑: higher is; ↓: lower is."""
        return {"reference": "≈", "high": "↑", "low": "↓"}[self.better]

    @property
    def scale(self) -> float:
        """The largest finite magnitude, which decides on digits (`decimals`)."""
        return max((abs(c.score.value) for c in self.cells if c and math.isfinite(c.score.value)), default=1.0)


@dataclass(frozen=True)
class Table:
    """Rows are the jobs in their order, then the references."""

    labels: list[str]
    jobs: int  # how many of the rows are jobs
    columns: list[Column]
    baseline: str = ""  # the job that the others are tested against; "": there are no others
    tests: int = 0  # how many tests that made, which Holm's correction counts
    alike: tuple[int, ...] = ()  # of each job, the first row that holds the same texts: they are one hypothesis

    def frame(self) -> pd.DataFrame:
        """The values, unrounded; NaN where there is none."""
        values = {c.name: [cell.score.value if cell else math.nan for cell in c.cells] for c in self.columns}
        return pd.DataFrame(values, index=pd.Index(self.labels, name="strategy"), dtype=float)


def table(jobs: Sequence[JobResult], references: Sequence[References] = ()) -> pd.DataFrame:
    """The values as a frame: rows are strategies and references, columns are scores."""
    return tabulate(jobs, references).frame()


def tabulate(jobs: Sequence[JobResult], references: Sequence[References] = (), baseline: str | None = None) -> Table:
    """The table of some jobs. Columns come in the order in which the jobs first name them.

    Args:
        jobs: the rows.
        references: the rows below them.
        baseline: the label of the job that the others are tested against, paired over prompts; None: the first.

    Raises:
        InputError: there is no such job.
    """
    everyone: list[JobResult | References] = [*jobs, *(each for each in references if each.scores)]
    rows = [{score.name: score for score in each.scores} for each in everyone]
    names = dict.fromkeys(name for row in rows[: len(jobs)] for name in row)
    labels = [each.label for each in everyone]
    mixed = difference([job.signature for job in jobs])
    same = alike(jobs)
    partial = [bool(job.failed) for job in jobs]
    columns = [
        _column(name, [row.get(name) for row in rows], [job.evidence.get(name) for job in jobs], same, mixed, partial)
        for name in names
    ]
    chosen = choose(labels[: len(jobs)], baseline)
    tests = _tests(jobs, columns, same, chosen) if chosen else {}
    marked = [_with_p(column, [labels[row] for row in same], tests) for column in columns]
    return Table(labels, len(jobs), marked, chosen, len(tests), same)


def _tests(jobs: Sequence[JobResult], columns: Sequence[Column], same: Sequence[int], baseline: str) -> Tests:
    """Every hypothesis against the baseline's, in the columns whose rows may be compared, by its first row's label."""
    ranked = {column.name for column in columns if not column.differs}
    given: dict[str, dict[str, Evidence]] = {}
    for row, job in zip(same, jobs, strict=True):
        known = given.setdefault(jobs[row].label, {})
        if job.failed:
            continue
        known |= {name: e for name, e in job.evidence.items() if name in ranked and name not in known}
    return against(given, next(jobs[row].label for row, job in zip(same, jobs, strict=True) if job.label == baseline))


def _with_p(column: Column, labels: Sequence[str], tests: Tests) -> Column:
    """The column with the p-values of jobs, given the labels that they are tested under."""
    ps = [tests[label, column.name][1] if (label, column.name) in tests else math.nan for label in labels]
    cells = [replace(cell, p=p) if cell else None for cell, p in zip(column.cells, ps, strict=False)]
    return replace(column, cells=[*cells, *column.cells[len(cells) :]])


def _column(
    name: str,
    scores: Sequence[ScoreRecord | None],
    given: Sequence[Evidence | None],
    same: Sequence[int],
    mixed: str,
    partial: Sequence[bool],
) -> Column:
    """A score of all rows, of which the first are jobs and have evidence; and why they are not ranked, if so.

    `partial` are jobs that have not all of their texts: they alone are not ranked.
    """
    has = [score if score and not math.isnan(score.value) else None for score in scores]
    scale = max((abs(s.value) for s in has if s and math.isfinite(s.value)), default=1.0)
    cells = [_cell(score, scale) if score else None for score in has]
    better = next(score.better for score in scores if score)
    jobs = len(given)
    differs = mixed or difference([score.signature for score in has[:jobs] if score])
    if len(set(same)) > 1 and not differs:
        losses = [math.nan if some else loss for loss, some in zip(distances(has[:jobs]), partial, strict=True)]
        best = least(losses, [decimals(score.value, scale) if score else 0 for score in has[:jobs]])
        leads = leading(losses, has[:jobs], given, ALPHA, same)
        for row, cell in enumerate(cells[:jobs]):
            if cell:
                cells[row] = replace(cell, best=best[row], good=best[row] or leads[row], loss=losses[row])
    return Column(name, better, cells, differs)


def _cell(score: ScoreRecord, scale: float) -> Cell:
    digits = decimals(score.value, scale)
    if score.low is None or score.high is None or math.isnan(score.low) or math.isnan(score.high):
        return Cell(score, number(score.value, digits), None)
    return Cell(score, number(score.value, digits), (number(score.low, digits), number(score.high, digits)))


def least(losses: Sequence[float], digits: Sequence[int]) -> list[bool]:
    """Which have the least loss, as far as so many digits each tell; none whose loss is NaN."""
    smallest = min((loss for loss in losses if not math.isnan(loss)), default=math.nan)
    return [
        not math.isnan(loss) and number(loss, d) == number(smallest, d) for loss, d in zip(losses, digits, strict=True)
    ]


def distances(scores: Sequence[ScoreRecord | None]) -> list[float]:
    """How far each row is from the best there can be, in the unit of the score: smaller is better. NaN: not ranked.

    Closeness to the references is the size of the gap, measured at equal lengths, where all rows have one; else the
    plain difference from what the references score as they are.
    """
    ranked = [score for score in scores if score and (score.reference is not None or score.gap is not None)]
    by_gap = all(score.gap is not None for score in ranked)

    def one(score: ScoreRecord | None) -> float:
        if score is None:
            return math.nan
        if score.better != "reference":
            return -score.value if score.better == "high" else score.value
        if by_gap and score.gap is not None:
            return abs(score.gap)
        return math.nan if score.reference is None else abs(score.value - score.reference)

    return [one(score) for score in scores]


def find(scores: Sequence[ScoreRecord], name: str) -> ScoreRecord | None:
    """The score of this name, if it is there and finite."""
    return next((score for score in scores if score.name == name and math.isfinite(score.value)), None)


def difference(signatures: Sequence[str]) -> str:
    """The first field, with its values, that keeps numbers with these signatures from being ranked; "" if none does."""
    for other in signatures[1:]:
        for name in differing(signatures[0], other):
            if name not in FREE:
                values = dict.fromkeys(parse(signature).get(name, "absent") for signature in signatures)
                return f"{name} ({', '.join(values)})"
    return ""


def decimals(value: float, scale: float) -> int:
    """Digits after the point: three for shares, three significant digits for anything larger.

    Args:
        value: the number to show.
        scale: the largest magnitude of its column, so that a column of shares keeps its digits aligned.
    """
    if scale <= 1:
        return 3 if scale == 0 or scale >= 0.01 else 2 - math.floor(math.log10(scale))
    if not math.isfinite(value) or value == 0:
        return 2
    return max(0, 2 - max(0, math.floor(math.log10(abs(value)))))


def number(value: float, digits: int) -> str:
    """`value` with so many digits after the point; `inf` and `-inf` as such, a million and more as `1.23e+06`."""
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= 1e6:
        return f"{value:.2e}"
    shown = f"{value:.{digits}f}"
    return shown.removeprefix("-") if float(shown) == 0 else shown
