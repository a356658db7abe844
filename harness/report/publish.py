"""A whole report, written to a folder: of one sweep, or of several that were merged."""

from __future__ import annotations

from pathlib import Path

from harness.atomic import write_text
from harness.report import figures as drawing
from harness.report import gaps, markdown, page, writers
from harness.report.tables import Table
from harness.results import Sweep


def publish(
    sweep: Sweep, table: Table, folder: Path, *, prompts: int = 3, characters: int = 600, figures: bool = True
) -> Path:
    """Write table.csv, table.md, table.tex, gaps.csv, figures/, report.md and report.html; such files are replaced.

    Args:
        sweep: what is reported.
        table: of its jobs and references.
        folder: where to; it is made if it is not there.
        prompts: how many prompts report.md shows the texts of.
        characters: where it cuts a text that is longer.
        figures: False leaves the figures out.

    Returns:
        The path of report.html.
    """
    for kind, to in (("csv", writers.to_csv), ("md", writers.to_markdown), ("tex", writers.to_latex)):
        write_text(folder / f"table.{kind}", to(table))
    write_text(folder / "gaps.csv", gaps.to_csv(table))
    drawn = drawing.write(folder / "figures", sweep.jobs, sweep.references) if figures else []
    write_text(folder / "report.md", markdown.compose(sweep, table, drawn, prompts, characters))
    write_text(folder / "report.html", page.compose(sweep, table, drawn, folder / "figures"))
    return folder / "report.html"
