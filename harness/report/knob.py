"""Scores against the one knob of the strategy that a sweep turns."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report import style
from harness.report.escape import visible
from harness.report.series import common, grouped, key
from harness.report.tables import FIRST, find
from harness.results import JobResult, References, ScoreRecord

VALUES = 3  # fewer values of a knob are better read in the table
TICKS = 5  # more of them would touch
SHOWN = 6  # scores at most, in the order of FIRST


def turned(jobs: Sequence[JobResult]) -> str | None:
    """The only knob of the strategy that differs between jobs, if it is a number with at least `VALUES` values."""
    nodes = [node for job in jobs if isinstance(node := job.config.get("strategy"), dict)]
    names = {job.choices.get("strategy") for job in jobs}
    if len(names) != 1 or len(nodes) < len(jobs) or any(node.keys() != nodes[0].keys() for node in nodes):
        return None
    different = [name for name in nodes[0] if len({key(node[name]) for node in nodes}) > 1]
    if len(different) != 1:
        return None
    values = {node[different[0]] for node in nodes if _is_number(node[different[0]])}
    numbers = all(_is_number(node[different[0]]) for node in nodes)
    return different[0] if numbers and len(values) >= VALUES else None


def draw(jobs: Sequence[JobResult], references: Sequence[References]) -> Figure | None:
    """A panel per score: a line per model or other setting, a dot per seed, a band for the interval; None: no knob."""
    knob = turned(jobs)
    names = {score.name for job in jobs for score in job.scores if math.isfinite(score.value)}
    shown = [name for name in FIRST if name in names][:SHOWN]
    if knob is None or not shown:
        return None
    values = sorted({float(job.config["strategy"][knob]) for job in jobs})
    place = _places(values)
    lines = grouped(jobs, lambda job: key([job.config | {"strategy": None, "seed": None, "name": None}, job.reference]))
    columns = min(3, len(shown))
    rows = math.ceil(len(shown) / columns)
    figure = style.new(3.0 * columns, 2.4 * rows + 0.4 * (len(lines) > 1))
    cells = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, name in zip(cells, shown, strict=False):
        for index, inside in enumerate(lines.values()):
            look = style.look(index)
            label = _name(inside, jobs) if len(lines) > 1 else "generations"
            _line(axes, knob, place, name, inside, look, label)
            _reference(axes, name, inside, look.colour if len(lines) > 1 else style.REFERENCE)
        _ticks(axes, values, place)
        axes.set(xlabel=visible(knob), title=name)
    for axes in cells[len(shown) :]:
        axes.remove()
    handles, texts = cells[0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside lower center", ncols=min(4, len(texts)), frameon=False, fontsize=8)
    return figure


def _line(
    axes: Axes,
    knob: str,
    place: dict[float, float],
    name: str,
    jobs: Sequence[JobResult],
    look: style.Look,
    label: str,
) -> None:
    scores: dict[float, list[ScoreRecord]] = {}
    for job in jobs:
        if score := find(job.scores, name):
            scores.setdefault(float(job.config["strategy"][knob]), []).append(score)
    turns = sorted(scores)
    x = [place[turn] for turn in turns]
    mean = [float(np.mean([score.value for score in scores[turn]])) for turn in turns]
    axes.plot(x, mean, color=look.colour, marker=look.marker, ls=look.dash, ms=4.5, label=label)
    if all(len(each) == 1 for each in scores.values()):
        only = [scores[turn][0] for turn in turns]
        low = [math.nan if score.low is None else score.low for score in only]
        high = [math.nan if score.high is None else score.high for score in only]
        axes.fill_between(x, low, high, color=look.colour, alpha=0.15, lw=0)
    else:
        for turn in turns:
            seeds = [score.value for score in scores[turn]]
            axes.plot(
                [place[turn]] * len(seeds), seeds, ls="", marker=look.marker, ms=2.5, color=look.colour, alpha=0.5
            )
    if name.startswith("perplexity") and mean and max(mean) / min(mean) > 20:
        axes.set_yscale("log")
        style.plain_log(axes.yaxis)


def _name(line: Sequence[JobResult], jobs: Sequence[JobResult]) -> str:
    """What the labels of a line's jobs have in common, but for what all labels have: the model, say."""
    everywhere = common(job.label for job in jobs).split()
    words = common(job.label for job in line).split()
    return visible(" ".join(word for word in words if word not in everywhere) or " ".join(words))


def _reference(axes: Axes, name: str, jobs: Sequence[JobResult], colour: str) -> None:
    score = next((s for job in jobs if (s := find(job.scores, name)) and s.reference is not None), None)
    if score and score.reference is not None:
        axes.axhline(score.reference, color=colour, lw=1.2, ls=(0, (1, 1.5)), label=visible(jobs[0].reference or ""))


def _places(values: Sequence[float]) -> dict[float, float]:
    """Where the knob's values lie: at themselves, or one by one where they are infinite or span two decades."""
    finite = all(map(math.isfinite, values))
    positive = [abs(value) for value in values if value]
    if finite and max(positive, default=1) < 100 * min(positive, default=1):
        return {value: value for value in values}
    return {value: float(index) for index, value in enumerate(values)}


def _ticks(axes: Axes, values: Sequence[float], place: dict[float, float]) -> None:
    if len(values) <= TICKS or any(place[value] != value for value in values):
        axes.set_xticks([place[value] for value in values], [f"{value:g}" for value in values])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
