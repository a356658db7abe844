"""What chance in decoding does to every score: jobs that differ in their seed alone, taken together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.report.escape import visible
from harness.report.grid import Grid
from harness.report.series import by_seed, common, draws
from harness.report.tables import MISSING, Table, decimals, number
from harness.results import JobResult


def grid(jobs: Sequence[JobResult], table: Table) -> Grid | None:
    """Mean and standard deviation over seeds, a row per strategy that has several; None where none has.

    A strategy that draws nothing has none: its texts are the same under all.
    """
    found = [(group, draws(group)) for group in by_seed(jobs)]
    groups = [(group, drawn) for group, drawn in found if len(drawn) > 1]
    if not groups:
        return None
    place = {job.label: row for row, job in enumerate(jobs)}
    rows = []
    for group, drawn in groups:
        cells = []
        for column in table.columns:
            chosen = [column.cells[place[job.label]] for job in drawn]
            cells.append(_spread([cell.score.value for cell in chosen if cell], column.scale))
        rows.append([common(job.label for job in group), str(len(drawn)), *cells])
    said = "Mean ± standard deviation over seeds: other draws, the same prompts. The intervals above are over prompts."
    same = [common(job.label for job in group) for group, drawn in found if len(drawn) < len(group)]
    if same:
        said += f" The same under every seed, so not here: {', '.join(map(visible, same))}."
    return Grid(["strategy", "seeds", *(column.name for column in table.columns)], rows, said)


def _spread(values: Sequence[float], scale: float) -> str:
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return MISSING
    mean, deviation = float(np.mean(values)), float(np.std(values, ddof=1))
    digits = decimals(mean, scale)
    return f"{number(mean, digits)} ± {number(deviation, digits)}"
