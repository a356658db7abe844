"""Figures of lines, one per strategy: all in one panel while they are few, else a panel each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon
from matplotlib.ticker import FuncFormatter, LogLocator
from numpy.typing import NDArray

from harness.report import labels, style
from harness.report.series import Series

Values = NDArray[np.float64]

OVERLAY = 7  # more lines than this get a panel each
WIDE = 9.5  # inches that small multiples take at most
LEFT = 0.8  # inches to the left of them, for numbers and what they are
GAP = 0.42  # inches between their rows, for titles of two lines


@dataclass(frozen=True, eq=False)
class Line:
    """Points in the order in which they are joined, and a band around them."""

    x: Values
    y: Values
    low: Values | None = None
    high: Values | None = None
    note: str = ""  # said after the label

    @classmethod
    def steps(cls, y: Values, low: Values | None = None, high: Values | None = None) -> Line:
        """Values at the tokens 1, 2, ... of the continuation."""
        return cls(np.arange(1, len(y) + 1, dtype=np.float64), y, low, high)


@dataclass(frozen=True, eq=False)
class Sheet:
    """The lines that are compared with the same reference."""

    title: str
    lines: Sequence[tuple[Series, Line]]
    reference: Line | None

    def has(self, points: int) -> bool:
        """Whether a line has so many points."""
        return any(len(line.x) >= points for _, line in self.lines)


@dataclass(frozen=True)
class Scales:
    """The two axes of a figure, and what its readers need besides."""

    x: str
    y: str
    log: bool = False  # both axes; y is a share
    ends: bool = True  # lines are named where they end; False: in a list beside the axes
    others: bool = True  # a strategy's own panel shows the others, too


def figure(sheets: Sequence[Sheet], scales: Scales, *, apart: bool | None = None) -> Figure:
    """A panel per sheet, or per strategy where a sheet has more than `OVERLAY`, or where `apart` says so."""
    if apart or (apart is None and max(len(sheet.lines) for sheet in sheets) > OVERLAY):
        return _apart(sheets, scales)
    columns = min(len(sheets), 3 if scales.ends else 2)  # a list of names takes more room
    rows = math.ceil(len(sheets) / columns)
    made = style.new(6.8 if columns == 1 else (4.4 if scales.ends else 5.8) * columns, 3.6 if rows == 1 else 3.2 * rows)
    for axes, sheet in zip(_grid(made, rows, columns, len(sheets), scales), sheets, strict=True):
        together(axes, sheet, scales)
    return made


def together(axes: Axes, sheet: Sheet, scales: Scales) -> None:
    """All lines of a sheet, each with its name."""
    ends = []
    for series, line in sheet.lines:
        if len(line.x):
            look = series.look
            marks: dict[str, Any] = {"marker": look.marker, "ms": 4, "markevery": max(1, len(line.x) // 7)}
            axes.plot(line.x, line.y, color=look.colour, ls=look.dash, label=_named(series.label, line), **marks)
            ends.append(_end(line, series.label, look.colour, look.marker))
    if sheet.reference is not None and len(sheet.reference.x):
        line = sheet.reference
        axes.plot(line.x, line.y, color=style.REFERENCE, lw=2.2, label=_named("reference", line))
        _band(axes, line)
        ends.append(_end(line, "reference", style.REFERENCE))
    _scale(axes, scales)
    axes.set_title(sheet.title)
    if scales.ends:
        labels.at_ends(axes, ends)
    else:
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=7.5, handlelength=3)


def _apart(sheets: Sequence[Sheet], scales: Scales) -> Figure:
    """Small multiples: each strategy over the others in grey and the reference in black.

    The margins are set by hand: matplotlib's layout engine takes many seconds for 25 panels. Only the outermost panels
    have axes with ticks and numbers, which take longer than all that is drawn inside.
    """
    cells = [(sheet, series, line) for sheet in sheets for series, line in sheet.lines]
    columns = math.ceil(math.sqrt(len(cells)))
    rows = math.ceil(len(cells) / columns)
    each = min(2.6, (WIDE - LEFT) / columns)
    tall = 0.68 * each
    width, height = LEFT + 0.1 + each * columns, 0.9 + (tall + GAP) * rows - GAP
    made = style.new(width, height, layout=None)
    made.subplots_adjust(LEFT / width, 0.55 / height, 1 - 0.1 / width, 1 - 0.35 / height, wspace=0.1, hspace=GAP / tall)
    panels = _grid(made, rows, columns, len(cells), scales)
    _scale(panels[0], scales)  # they share it
    grey = {id(sheet): _joined([line for _, line in sheet.lines]) for sheet in sheets}
    for axes, (sheet, series, line) in zip(panels, cells, strict=True):
        if scales.others:
            axes.plot(*grey[id(sheet)], color=style.QUIET, lw=0.6)
        if sheet.reference is not None:
            axes.plot(sheet.reference.x, sheet.reference.y, color=style.REFERENCE, lw=1.2, ls=(0, (1, 1)))
            _band(axes, sheet.reference)
        axes.plot(line.x, line.y, color=style.COLOURS[0], lw=1.6)
        title = wrap(f"{_named(series.label, line)} {sheet.title}".strip(), int(18 * each))
        # A height that is given need not be sought, which takes as long as drawing the panel.
        axes.set_title("\n".join(title[:2]) + "…" * (len(title) > 2), fontsize=7, y=1)
    _bare(panels, columns)
    return made


def _joined(lines: Sequence[Line]) -> tuple[Values, Values]:
    """Lines to compare with as one with gaps."""
    points = np.concatenate([np.pad([line.x, line.y], ((0, 0), (0, 1)), constant_values=np.nan) for line in lines], 1)
    return points[0], points[1]


def _bare(panels: Sequence[Axes], columns: int) -> None:
    """Leave the panels that are not at the left or the lower edge nothing of their axes but the lines of the grid."""
    across, up = (
        [at for at in axis.get_majorticklocs() if low <= at <= high]
        for axis in (panels[0].xaxis, panels[0].yaxis)
        for low, high in [sorted(axis.get_view_interval())]
    )
    how: dict[str, Any] = {"color": mpl.rcParams["grid.color"], "lw": mpl.rcParams["grid.linewidth"], "zorder": 0.5}
    for place, axes in enumerate(panels):
        if place + columns < len(panels):
            axes.xaxis.set_visible(False)
            ends = np.tile([0, 1, np.nan], len(across))
            axes.add_artist(Line2D(np.repeat(across, 3), ends, transform=axes.get_xaxis_transform(), **how))
        if place % columns:
            axes.yaxis.set_visible(False)
            ends = np.tile([0, 1, np.nan], len(up))
            axes.add_artist(Line2D(ends, np.repeat(up, 3), transform=axes.get_yaxis_transform(), **how))


def _grid(made: Figure, rows: int, columns: int, used: int, scales: Scales) -> list[Axes]:
    """The first `used` axes of a grid, with the two axis labels written once."""
    cells = list(made.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat)
    for axes in cells[used:]:
        axes.remove()
    for lowest in cells[max(0, used - columns) : used]:
        lowest.tick_params(labelbottom=True)
    made.supxlabel(scales.x, fontsize=9)
    made.supylabel(scales.y, fontsize=9)
    return cells[:used]


def _scale(axes: Axes, scales: Scales) -> None:
    if scales.log:
        axes.set(xscale="log", yscale="log")
        for axis, unit in ((axes.xaxis, 1), (axes.yaxis, 100)):  # plain numbers, and percentages
            axis.set_major_locator(LogLocator())
            axis.set_major_formatter(FuncFormatter(lambda v, _, u=unit: f"{u * v:,.9g}" + "%" * (u > 1)))
        axes.minorticks_off()


def _band(axes: Axes, line: Line) -> None:
    if line.low is not None and line.high is not None:
        around = np.concatenate([line.x, line.x[::-1]]), np.concatenate([line.low, line.high[::-1]])
        axes.add_patch(Polygon(np.stack(around, axis=1), color=style.REFERENCE, alpha=0.09, lw=0, zorder=1))


def _named(label: str, line: Line) -> str:
    """The label and the note, which no line break takes apart."""
    return label + (", " + line.note.replace(" ", "\N{NO-BREAK SPACE}") if line.note else "")


def _end(line: Line, text: str, colour: str, marker: str = "") -> labels.Label:
    return labels.Label(float(line.x[-1]), float(line.y[-1]), text, colour, marker)
