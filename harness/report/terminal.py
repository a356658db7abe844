"""The table at the end of a run, on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as Grid
from rich.text import Text

from harness.report.escape import visible
from harness.report.tables import FIRST, MISSING, Column, Table, tabulate
from harness.results import Sweep

_LABEL = 26  # characters that a label gets before it is cut


def print_table(sweep: Sweep, report: Path | None = None, console: Console | None = None) -> None:
    """Print the scores of a sweep, as many as fit, and where its report is.

    A sweep of one job prints a row per score; otherwise a row per job, of the scores in `FIRST` and then the others.
    """
    console = console or Console()
    table = tabulate(sweep.jobs, sweep.references)
    if table.jobs == 1:
        console.print(_tall(table))
        left = 0
    elif table.columns:
        grid, left = _wide(table, console)
        console.print(grid)
    if table.jobs > 1:
        console.print(Text("* best: closest to the reference (≈), highest (↑), lowest (↓)", style="dim"))
        if left:
            console.print(Text(f"{left} more scores in table.md", style="dim"))
    for column in table.columns:
        if column.differs:
            console.print(Text(f"{column.name}: not ranked, signatures differ in {column.differs}", style="yellow"))
    if report:
        console.print(Text("report: ").append(str(report), style="bold"), soft_wrap=True)


def _tall(table: Table) -> Grid:
    """One row per score: value, interval and reference of the only job."""
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    grid.add_column("")
    for label in table.labels:
        grid.add_column(Text(_short(label)), justify="right")
    for column in table.columns:
        shown = [
            f"{c.value} ({c.interval[0]}–{c.interval[1]})" if c and c.interval else _value(column, i)
            for i, c in enumerate(column.cells)
        ]
        grid.add_row(Text(column.name), *map(Text, shown))
    return grid


def _wide(table: Table, console: Console) -> tuple[Grid, int]:
    """One row per job, of the scores that fit; how many do not."""
    by_name = {column.name: column for column in table.columns}
    wanted = [by_name.pop(name) for name in FIRST if name in by_name] + list(by_name.values())
    for fitting in range(len(wanted), 0, -1):
        grid = _grid(table, wanted[:fitting])
        if Measurement.get(console, console.options.update(max_width=10_000), grid).maximum <= console.width:
            break
    return grid, len(wanted) - fitting


def _grid(table: Table, columns: Sequence[Column]) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    grid.add_column("strategy", no_wrap=True)
    for column in columns:
        grid.add_column(Text(f"{column.name} {column.arrow}"), justify="right", no_wrap=True)
    for row, label in enumerate(table.labels):
        if row == table.jobs:
            grid.add_section()
        best = [bool(cell and cell.best) for cell in (column.cells[row] for column in columns)]
        cells = [Text(_value(c, row), style="bold" if b else "") for c, b in zip(columns, best, strict=True)]
        grid.add_row(Text(_short(label)), *cells, style="" if row < table.jobs else "italic")
    return grid


def _value(column: Column, row: int) -> str:
    cell = column.cells[row]
    return MISSING if cell is None else cell.value + "*" * cell.best


def _short(label: str) -> str:
    shown = visible(label)
    return shown if len(shown) <= _LABEL else shown[: _LABEL - 1] + "…"
