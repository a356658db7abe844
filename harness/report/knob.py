"""Scores against the knobs that a sweep turns."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from harness.report import style
from harness.report.escape import visible
from harness.report.intervals import interval
from harness.report.series import grouped
from harness.report.tables import FIRST, find
from harness.report.turns import Turn, turns
from harness.results import JobResult, References, ScoreRecord

Values = NDArray[np.float64]

TICKS = 5  # more of them would touch
ROWS = 3  # knobs at most
SHOWN = {1: 6, 2: 4, 3: 4}  # of so many knobs: scores at most, in the order of FIRST, that the knobs move


def draw(jobs: Sequence[JobResult], references: Sequence[References]) -> Figure | None:
    """A panel per knob and score: a line per strategy, model or other setting that turns it; None: no knob turns."""
    found = turns(jobs)[:ROWS]
    values = _values([job for turn in found for line in turn.lines for job in line])
    names = [name for name in FIRST if name in values]
    shown = ([name for name in names if len(values[name]) > 1] or names)[: SHOWN[len(found) or 1]]
    if not shown:
        return None
    columns = min(3 if len(found) == 1 else 4, len(shown))
    rows = math.ceil(len(found) * len(shown) / columns)
    figure = style.new((3.0 if columns < 4 else 2.5) * columns, 2.4 * rows)
    cells = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, (turn, name) in zip(cells, [(turn, name) for turn in found for name in shown], strict=False):
        panel(axes, turn, name)
        axes.set_title(name)
        if name == shown[columns - 1]:
            _legend(axes)
    for axes in cells[len(found) * len(shown) :]:
        axes.remove()
    return figure


def panel(axes: Axes, turn: Turn, name: str) -> None:
    """One score against one knob, with a band for its interval, a small mark per seed, and the reference dotted."""
    values = turn.values()
    place = _places(values)
    for index, line in enumerate(turn.lines):
        _line(axes, turn, place, name, line, style.look(index))
    human = grouped(enumerate(turn.lines), lambda each: each[1][0].reference)
    for number, ((index, line), *_) in enumerate(human.values()):
        colour = style.look(index).colour if len(human) > 1 else style.REFERENCE
        _reference(axes, name, line, colour, style.DOTTED[number % len(style.DOTTED)])
    _ticks(axes, values, place)
    axes.set_xlabel(visible(turn.knob))


def _line(
    axes: Axes, turn: Turn, place: dict[float, float], name: str, line: Sequence[JobResult], look: style.Look
) -> None:
    scores: dict[float, list[ScoreRecord]] = {}
    for job in line:
        if score := find(job.scores, name):
            scores.setdefault(turn.value(job), []).append(score)
    order = sorted(scores)
    x = np.array([place[value] for value in order])
    mean = np.array([np.mean([score.value for score in scores[value]]) for value in order])
    label = turn.name(line) if len(turn.lines) > 1 else "generations"
    axes.plot(x, mean, color=look.colour, marker=look.marker, ls=look.dash, ms=4.5, label=label)
    low, high = np.array([interval(scores[value]) for value in order]).reshape(-1, 2).T
    _band(axes, x, low, high, look.colour)
    seeds = [(place[value], score.value) for value in order for score in scores[value] if len(scores[value]) > 1]
    if seeds:
        axes.plot(*zip(*seeds, strict=True), ls="", marker=look.marker, ms=2.5, color=look.colour, alpha=0.5)
    if name.startswith("perplexity") and len(mean) and max(mean) > 20 * min(mean) > 0:
        axes.set_yscale("log")
        style.plain_log(axes.yaxis)


def _band(axes: Axes, x: Values, low: Values, high: Values, colour: str) -> None:
    """A band where neighbours have intervals; whiskers beside points that have none, at which the band breaks off."""
    axes.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)
    known = np.isfinite(low) & np.isfinite(high)
    beside = np.concatenate([[True], known, [True]])  # beyond the ends nothing is missing
    bare = known & ~(beside[:-2] & beside[2:]) if len(x) > 1 else known
    if bare.any():
        axes.vlines(x[bare], low[bare], high[bare], color=colour, lw=1, alpha=0.6)


def _reference(axes: Axes, name: str, line: Sequence[JobResult], colour: str, dash: object) -> None:
    score = next((s for job in line if (s := find(job.scores, name)) and s.reference is not None), None)
    if score and score.reference is not None:
        axes.axhline(score.reference, color=colour, lw=1.2, ls=dash, label=visible(line[0].reference or ""))


def _legend(axes: Axes) -> None:
    """What the lines are, to the right of the axes; nothing where there is one."""
    if len(axes.get_legend_handles_labels()[0]) > 1:
        axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False, fontsize=7.5, handlelength=2.6)


def _places(values: Sequence[float]) -> dict[float, float]:
    """Where the knob's values lie: at themselves, or one by one where they are infinite or span two decades."""
    finite = all(map(math.isfinite, values))
    positive = [abs(value) for value in values if value]
    if finite and max(positive, default=1) < 100 * min(positive, default=1):
        return {value: value for value in values}
    return {value: float(index) for index, value in enumerate(values)}


def _ticks(axes: Axes, values: Sequence[float], place: dict[float, float]) -> None:
    if len(values) <= TICKS or any(place[value] != value for value in values):
        every = math.ceil((len(values) - 1) / (TICKS - 1)) if len(values) > TICKS else 1
        shown = [*values[: len(values) - every : every], values[-1]]
        axes.set_xticks([place[value] for value in shown], [f"{value:g}" for value in shown])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(TICKS, steps=[1, 2, 5, 10]))


def _values(jobs: Sequence[JobResult]) -> dict[str, set[float]]:
    """The different values of each score."""
    found: dict[str, set[float]] = {}
    for score in (score for job in jobs for score in job.scores if math.isfinite(score.value)):
        found.setdefault(score.name, set()).add(score.value)
    return found
