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
from harness.report.remarks import untested
from harness.report.tables import ALPHA, FIRST, MISSING, Column, Table, tabulate
from harness.report.writers import MARK, unranked
from harness.results import Sweep

_LABEL = 26  # characters that a label gets before it is cut, or more where labels would look the same
_ASCII = str.maketrans({"≈": "~", "↑": "^", "↓": "v", "–": "-", "…": ".", "†": "+"})


def show(sweep: Sweep, table: Table, report: Path) -> None:
    """Print a table that is made already: what `harness.report.write` calls once all is written."""
    print_table(sweep, report, table=table)


def print_table(
    sweep: Sweep,
    report: Path | None = None,
    console: Console | None = None,
    baseline: str | None = None,
    table: Table | None = None,
) -> None:
    """Print the scores of a sweep, as many as fit, and where its report is.

    A sweep of one job prints a row per score; otherwise a row per job, of the scores in `FIRST` and then the others. On
    a terminal that does not speak Unicode, what it cannot show is replaced.

    Args:
        sweep: what was scored.
        report: where its report is.
        console: where to print; None: standard output.
        baseline: the label of the job that the others are tested against; None: the first.
        table: that of the sweep, where there is one already.
    """
    console = console or Console()
    table = table or tabulate(sweep.jobs, sweep.references, baseline)
    left = 0
    if table.jobs == 1:
        console.print(_tall(table, console))
    elif table.columns:
        grid, left = _wide(table, console)
        console.print(grid)
    cells = [cell for column in table.columns for cell in column.cells if cell]
    if any(cell.best for cell in cells):
        console.print(_text("* best: closest to the reference (≈), highest (↑), lowest (↓)", console, "dim"))
    if any(cell.good and not cell.best for cell in cells):
        console.print(_text("bold: best, or not significantly worse (paired over prompts)", console, "dim"))
    if any(cell.marked for cell in cells):
        said = (
            f"{MARK} differs from {visible(table.baseline)} by more than chance (p < {ALPHA} after Holm's correction)"
        )
        console.print(_text(said, console, "dim"))
    if left:
        where = "in table.md" if report else "than this terminal has room for"
        console.print(_text(f"{left} more {'score' if left == 1 else 'scores'} {where}", console, "dim"))
    for why, names in unranked(table).items():
        which = "no score is ranked" if len(names) == len(table.columns) else f"not ranked: {', '.join(names)}"
        console.print(_text(f"{which}; signatures differ in {why}", console, "yellow"))
    for note in (*sweep.notes, *untested(sweep, table)):
        console.print(_text(visible(note), console, "yellow"))
    if report:
        console.print(_text(f"report: {report}", console), soft_wrap=True)


def _tall(table: Table, console: Console) -> Grid:
    """One row per score: value, interval and reference of the only job."""
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    grid.add_column("score", no_wrap=True)
    for label in _short(table.labels):
        grid.add_column(_text(label, console), justify="right")
    for column in table.columns:
        cells = [
            f"{cell.value} ({cell.interval[0]}–{cell.interval[1]})" if cell and cell.interval else _value(column, row)
            for row, cell in enumerate(column.cells)
        ]
        grid.add_row(_text(column.name, console), *(_text(cell, console) for cell in cells))
    return grid


def _wide(table: Table, console: Console) -> tuple[Grid, int]:
    """One row per job, of the scores that fit; how many do not."""
    by_name = {column.name: column for column in table.columns}
    wanted = [by_name.pop(name) for name in FIRST if name in by_name] + list(by_name.values())
    for fitting in range(len(wanted), 0, -1):
        grid = _grid(table, wanted[:fitting], console)
        if Measurement.get(console, console.options.update(max_width=10_000), grid).maximum <= console.width:
            break
    return grid, len(wanted) - fitting


def _grid(table: Table, columns: Sequence[Column], console: Console) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    grid.add_column("strategy", no_wrap=True)
    for column in columns:
        grid.add_column(_text(f"{column.name} {column.arrow}", console), justify="right", no_wrap=True)
    for row, label in enumerate(_short(table.labels)):
        if row == table.jobs:
            grid.add_section()
        good = [bool(cell and cell.good) for cell in (column.cells[row] for column in columns)]
        cells = [_text(_value(c, row), console, "bold" if g else "") for c, g in zip(columns, good, strict=True)]
        grid.add_row(_text(label, console), *cells, style="" if row < table.jobs else "italic")
    return grid


def _value(column: Column, row: int) -> str:
    cell = column.cells[row]
    return MISSING if cell is None else cell.value + "*" * cell.best + MARK * cell.marked


def _short(labels: Sequence[str]) -> list[str]:
    """Labels cut to `_LABEL` characters: at the end; in the middle, if they look the same so; later, if even so."""
    shown = [visible(label) for label in labels]
    for size in range(_LABEL, max(map(len, shown), default=0)):
        for tail in (0, size // 2):
            cut = [each if len(each) <= size else _cut(each, size, tail) for each in shown]
            if len(set(cut)) == len(set(shown)):
                return cut
    return shown


def _cut(label: str, size: int, tail: int) -> str:
    return f"{label[: size - 1 - tail]}…{label[len(label) - tail :]}"


def _text(text: str, console: Console, style: str = "") -> Text:
    """Text that rich takes as it is, in characters that the console has; none of them moves its cursor."""
    text = visible(text)
    if not console.encoding.lower().startswith("utf"):
        text = text.translate(_ASCII).encode(console.encoding, "replace").decode(console.encoding)
    return Text(text, style=style)
