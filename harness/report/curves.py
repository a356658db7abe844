"""What happens along a continuation: repetition, probability and entropy, token by token."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from harness.report import labels, style
from harness.report.series import Panel, panels
from harness.results import JobResult, References

Values = NDArray[np.float64]

NOISY = 200  # of fewer texts single positions jump about
OVERLAY = 7  # more lines than this get a panel each


@dataclass(frozen=True)
class Measure:
    """Something that every token of a continuation has, and how to sum it up over texts."""

    values: Callable[[pd.DataFrame], list[Values]]  # of the rows of generations or references
    centre: Callable[[Values], Values]  # [texts, positions] with NaN -> [positions]
    axis: str


def repeated(tokens: Sequence[int] | NDArray[np.int32], size: int = 4) -> Values:
    """[tokens] 1 where the n-gram that ends at a token has ended before in the same text, else 0."""
    listed = list(tokens)
    seen: set[tuple[int, ...]] = set()
    marks = np.zeros(len(listed))
    for end in range(size, len(listed) + 1):
        gram = tuple(listed[end - size : end])
        marks[end - 1] = gram in seen
        seen.add(gram)
    return marks


def _mean(values: Values) -> Values:
    return np.asarray(np.nanmean(values, axis=0))


def _median(values: Values) -> Values:
    return np.asarray(np.nanmedian(values, axis=0))


REPETITION = Measure(
    lambda rows: [repeated(tokens) for tokens in rows["tokens"]], _mean, "share of texts repeating a 4-gram here"
)
PROBABILITY = Measure(
    lambda rows: [np.exp(np.asarray(values, dtype=np.float64)) for values in rows["logprob"]],
    _median,
    "probability of the chosen token (median)",
)
ENTROPY = Measure(
    lambda rows: [np.asarray(values, dtype=np.float64) for values in rows["entropy"]],
    _median,
    "entropy of the model, nats (median)",
)


def along(measure: Measure, frames: Sequence[pd.DataFrame]) -> Values:
    """[positions] the measure summed up over the texts of all frames, as far as a quarter of the texts reaches.

    Of fewer than `NOISY` texts a running mean is given.
    """
    rows = [values for frame in frames for values in measure.values(frame)]
    lengths = np.array([len(values) for values in rows], dtype=np.int64)
    if not len(rows) or not lengths.max():
        return np.empty(0)
    longest = int(np.sort(lengths)[::-1][(len(rows) - 1) // 4])
    square = np.full((len(rows), longest), np.nan)
    for row, values in zip(square, rows, strict=True):
        row[: len(values)] = values[:longest]
    return _smooth(measure.centre(square)) if len(rows) < NOISY else measure.centre(square)


def _smooth(values: Values) -> Values:
    """The running mean of five positions, of fewer at the ends."""
    ones = np.ones(min(5, len(values) - 1 + len(values) % 2))  # an odd number of them, and no more than there are
    return np.asarray(np.convolve(values, ones, "same") / np.convolve(np.ones(len(values)), ones, "same"))


def draw(measure: Measure, jobs: Sequence[JobResult], references: Sequence[References]) -> Figure | None:
    """The measure against position: all strategies in one panel while they are few, else one panel each.

    None where no continuation has two tokens.
    """
    sets = panels(jobs, references)
    human = {id(p): along(measure, [p.references.frame]) if p.references else np.empty(0) for p in sets}
    lines = {id(s): along(measure, [job.generations for job in s.jobs]) for p in sets for s in p.series}
    if max(map(len, lines.values()), default=0) < 2:
        return None
    if max(len(panel.series) for panel in sets) > OVERLAY:
        return _apart(measure, sets, lines, human)
    columns = min(len(sets), 3)
    rows = math.ceil(len(sets) / columns)
    figure = style.new(6.8 if columns == 1 else 4.4 * columns, 3.6 if rows == 1 else 3.2 * rows)
    grid = _grid(figure, rows, columns, len(sets), measure.axis)
    written: list[tuple[Axes, list[labels.Label]]] = []
    for axes, panel in zip(grid, sets, strict=True):
        ends = []
        for series in panel.series:
            values = lines[id(series)]
            look = series.look
            every = max(1, len(values) // 7)
            _line(axes, values, color=look.colour, ls=look.dash, marker=look.marker, ms=4, markevery=every)
            ends += _end(values, series.label, look.colour, look.marker)
        _line(axes, human[id(panel)], color=style.REFERENCE, lw=2.2)
        ends += _end(human[id(panel)], "reference", style.REFERENCE)
        axes.set_title(panel.title)
        written.append((axes, ends))
    low, high = grid[0].get_ylim()
    grid[0].set_ylim(min(low, -0.03 * high), high)
    labels.at_ends(figure, written)
    return figure


def _apart(measure: Measure, sets: list[Panel], lines: dict[int, Values], human: dict[int, Values]) -> Figure:
    """Small multiples: each strategy over the others in grey and the reference in black.

    The margins are set by hand: matplotlib's layout engine takes many seconds for 25 panels.
    """
    cells = [(panel, series) for panel in sets for series in panel.series]
    columns = math.ceil(math.sqrt(len(cells)))
    rows = math.ceil(len(cells) / columns)
    width, height = 0.75 + 1.8 * columns, 0.6 + 1.5 * rows
    figure = style.new(width, height, layout=None)
    figure.subplots_adjust(0.7 / width, 0.55 / height, 1 - 0.1 / width, 1 - 0.35 / height, wspace=0.1, hspace=0.42)
    for axes, (panel, series) in zip(_grid(figure, rows, columns, len(cells), measure.axis), cells, strict=True):
        others = [np.append(lines[id(other)], np.nan) for other in panel.series if other is not series]
        steps = [np.arange(1, len(values) + 1) for values in others]
        if others:  # as one line with gaps
            axes.plot(np.concatenate(steps), np.concatenate(others), color=style.QUIET, lw=0.6)
        _line(axes, human[id(panel)], color=style.REFERENCE, lw=1.2, ls=(0, (1, 1)))
        _line(axes, lines[id(series)], color=style.COLOURS[0], lw=1.6)
        title = wrap(f"{series.label} {panel.title}".strip(), 32)
        axes.set_title("\n".join(title[:2]) + "…" * (len(title) > 2), fontsize=7)
    return figure


def _grid(figure: Figure, rows: int, columns: int, used: int, axis: str) -> list[Axes]:
    """The first `used` axes of a grid, with the two axis labels written once."""
    cells = list(figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat)
    for axes in cells[used:]:
        axes.remove()
    for lowest in cells[max(0, used - columns) : used]:
        lowest.tick_params(labelbottom=True)
    figure.supxlabel("token of the continuation", fontsize=9)
    figure.supylabel(axis, fontsize=9)
    return cells[:used]


def _line(axes: Axes, values: Values, **how: Any) -> None:
    axes.plot(np.arange(1, len(values) + 1), values, **how)


def _end(values: Values, text: str, colour: str, marker: str = "") -> list[labels.Label]:
    return [labels.Label(float(len(values)), float(values[-1]), text, colour, marker)] if len(values) else []
