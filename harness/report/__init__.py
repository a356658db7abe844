"""The report of a sweep: tables, figures, report.md and report.html, made from its files alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.errors import InputError
from harness.knobs import Count, PositiveCount, checked


@checked
def write(
    folder: Path,
    *,
    baseline: str | None = None,
    prompts: Count = 3,
    characters: PositiveCount = 600,
    figures: bool = True,
    show: Callable[..., None] | None = None,
) -> Path:
    """Write table.csv, table.md, table.tex, gaps.csv, figures/, report.md and report.html into a sweep's folder.

    Args:
        folder: of a sweep, or of a single job.
        baseline: the label of the job that the others are tested against; None: the first.
        prompts: how many prompts report.md shows the texts of, all strategies side by side.
        characters: where it cuts a text that is longer.
        figures: False leaves the figures out.
        show: is given the sweep, its table and the path of report.html once they are written.

    Returns:
        The path of report.html.

    Raises:
        InputError: there is no finished job, or none of the label `baseline`, or a file cannot be read.
    """
    from harness.report.publish import publish  # pandas and matplotlib take a second: not before they are needed
    from harness.report.tables import tabulate
    from harness.results import read_sweep

    sweep = read_sweep(folder)
    if not sweep.jobs:
        raise InputError(f"{folder}: none of its {len(sweep.unfinished)} jobs has finished")
    table = tabulate(sweep.jobs, sweep.references, baseline)
    written = publish(sweep, table, folder, prompts=prompts, characters=characters, figures=figures)
    if show:
        show(sweep, table, written)
    return written
