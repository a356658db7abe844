"""The table at the end of a run, on a terminal."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
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
        grid, left = _wide(table, console.width)
        console.print(grid)
    if table.jobs > 1:
        console.print(Text("* best: closest to the reference (≈), highest (↑), lowest (↓)", style="dim"))
        if left:
            console.print(Text(f"{left} more scores in {sweep.folder / 'table.md'}", style="dim"))
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


def _wide(table: Table, width: int) -> tuple[Grid, int]:
    """One row per job, of the scores that fit; how many do not."""
    by_name = {column.name: column for column in table.columns}
    wanted = [by_name.pop(name) for name in FIRST if name in by_name] + list(by_name.values())
    room = width - max(len(_short(label)) for label in table.labels)
    fitting: list[Column] = []
    for column in wanted:
        room -= 2 + max(len(_head(column)), *(len(_value(column, row)) for row in range(len(table.labels))))
        if room < 0:
            break
        fitting.append(column)
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    grid.add_column("strategy", no_wrap=True)
    for column in fitting:
        grid.add_column(Text(_head(column)), justify="right", no_wrap=True)
    for row, label in enumerate(table.labels):
        if row == table.jobs:
            grid.add_section()
        cells = [(_value(c, row), bool((cell := c.cells[row]) and cell.best)) for c in fitting]
        style = "" if row < table.jobs else "italic"
        grid.add_row(Text(_short(label)), *(Text(v, style="bold" if best else "") for v, best in cells), style=style)
    return grid, len(wanted) - len(fitting)


def _head(column: Column) -> str:
    return f"{column.name} {column.arrow}"


def _value(column: Column, row: int) -> str:
    cell = column.cells[row]
    return MISSING if cell is None else cell.value + "*" * cell.best


def _short(label: str) -> str:
    shown = visible(label)
    return shown if len(shown) <= _LABEL else shown[: _LABEL - 1] + "…"
