"""The table of scores as a page shows it."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from harness.report.tables import FIRST, MISSING, Cell, Table
from harness.report.writers import MARK

MANY = 10
"""Of more scores than this, those in `FIRST` are shown, and the others on request."""

_BETTER = {"reference": "closer to the reference is better", "high": "higher is better", "low": "lower is better"}


@dataclass(frozen=True)
class Shown:
    """A cell: strings to show, and numbers to sort by ("" sorts last)."""

    value: str
    interval: str
    best: bool
    good: bool
    mark: str
    p: str
    order: str
    loss: str


@dataclass(frozen=True)
class Head:
    """A column's head."""

    name: str
    arrow: str
    meaning: str
    signatures: list[str]
    more: bool  # whether it is shown on request only
    differs: str
    better: str


@dataclass(frozen=True)
class Marked:
    """What the table shows and a legend has to explain."""

    best: bool
    interval: bool


def marked(table: Table) -> Marked:
    """What this one shows."""
    cells = [cell for column in table.columns for cell in column.cells if cell]
    return Marked(any(cell.best for cell in cells), any(cell.interval for cell in cells))


def folded(names: Collection[str]) -> set[str]:
    """The scores among these that are shown on request only."""
    return set(names) - set(FIRST) if len(names) > MANY and set(names) & set(FIRST) else set()


def heads(table: Table) -> list[Head]:
    """Of the columns in their order."""
    more = folded([column.name for column in table.columns])
    more |= {column.name for column in table.columns if more and not any(column.cells[: table.jobs])}
    return [
        Head(
            c.name,
            c.arrow,
            _BETTER[c.better],
            list(dict.fromkeys(cell.score.signature for cell in c.cells if cell)),
            c.name in more,
            c.differs,
            c.better,
        )
        for c in table.columns
    ]


def rows(table: Table) -> list[tuple[str, bool, list[Shown]]]:
    """Label, whether it is a row of references, and cells; in the table's order."""
    return [
        (label, row >= table.jobs, [_shown(column.cells[row]) for column in table.columns])
        for row, label in enumerate(table.labels)
    ]


def _shown(cell: Cell | None) -> Shown:
    if cell is None:
        return Shown(MISSING, "", False, False, "", "", "", "")
    return Shown(
        value=cell.value,
        interval=_reach(*cell.interval) if cell.interval else "",
        best=cell.best,
        good=cell.good,
        mark=MARK if cell.marked else "",
        p="" if math.isnan(cell.p) else "< 0.0001" if cell.p < 0.0001 else f"{cell.p:.2g}",
        order=repr(cell.score.value),
        loss="" if math.isnan(cell.loss) else repr(cell.loss),
    )


def _reach(low: str, high: str) -> str:
    """From one end to the other, a dash never beside a minus."""
    return f"{low} to {high}" if "-" in (low[0], high[0]) else f"{low}–{high}"
