"""The quality-diversity plane: perplexity against diversity, with the reference as the place to be."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report import labels, style
from harness.report.series import Series, panels
from harness.results import JobResult, References, ScoreRecord

QUALITY = "perplexity"
DIVERSITY = ("distinct-2", "rep-4", "distinct-1", "rep-2")  # the first that the sweep has


def draw(jobs: Sequence[JobResult], references: Sequence[References]) -> Figure | None:
    """The plane; None without perplexity and one of `DIVERSITY`."""
    names = {score.name for job in jobs for score in job.scores}
    diversity = next((name for name in DIVERSITY if name in names), None)
    if QUALITY not in names or diversity is None:
        return None
    sets = panels(jobs, references)
    columns = min(len(sets), 3)
    rows = math.ceil(len(sets) / columns)
    figure = style.new(6.4 if columns == 1 else 4.2 * columns, 4.4 if rows == 1 else 3.6 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat
    written: list[tuple[Axes, list[labels.Label]]] = []
    for axes, panel in zip(grid, sets, strict=False):
        marks = [label for series in panel.series if (label := _series(axes, series, diversity))]
        if panel.references:
            marks += _reference(axes, panel.references, diversity)
        axes.set_title(panel.title)
        axes.set_xscale("log")
        axes.set(xlabel="perplexity under the generator (log scale)", ylabel=diversity)
        axes.margins(0.12)
        written.append((axes, marks))
    for axes in list(grid)[len(sets) :]:
        axes.set_visible(False)
    _plain_ticks(written[0][0])
    for axes, marks in written:
        labels.beside(axes, marks)
    return figure


def find(scores: Sequence[ScoreRecord], name: str) -> ScoreRecord | None:
    """The score of this name, if it is there and finite."""
    return next((score for score in scores if score.name == name and math.isfinite(score.value)), None)


def _series(axes: Axes, series: Series, diversity: str) -> labels.Label | None:
    """One mark at the mean over the seeds, with the seeds small beside it, or with the interval of the only job."""
    pairs = [(find(job.scores, QUALITY), find(job.scores, diversity)) for job in series.jobs]
    found = [(x, y) for x, y in pairs if x and y]
    if not found:
        return None
    x, y = (float(np.mean([pair[i].value for pair in found])) for i in range(2))
    look = series.look
    if len(found) > 1:
        each = np.array([(a.value, b.value) for a, b in found])
        axes.plot(each[:, 0], each[:, 1], ls="", marker=look.marker, ms=3, color=look.colour, alpha=0.5)
    else:
        axes.errorbar(x, y, xerr=_reach(found[0][0]), yerr=_reach(found[0][1]), color=look.colour, lw=1, alpha=0.6)
    axes.plot(x, y, ls="", marker=look.marker, ms=7, color=look.colour, mec="white", mew=0.6)
    return labels.Label(x, y, series.label, "#222222")


def _reference(axes: Axes, references: References, diversity: str) -> list[labels.Label]:
    x, y = find(references.scores, QUALITY), find(references.scores, diversity)
    if not (x and y):
        return []
    for line, at in ((axes.axvline, x.value), (axes.axhline, y.value)):
        line(at, color=style.REFERENCE, lw=0.7, ls=(0, (1, 3)), zorder=1)
    axes.plot(x.value, y.value, ls="", marker="*", ms=13, color=style.REFERENCE, mec="white", mew=0.6)
    return [labels.Label(x.value, y.value, references.label, style.REFERENCE)]


def _reach(score: ScoreRecord) -> list[list[float]] | None:
    """The interval as matplotlib takes it: how far below and above."""
    if score.low is None or score.high is None:
        return None
    return [[max(score.value - score.low, 0.0)], [max(score.high - score.value, 0.0)]]


def _plain_ticks(axes: Axes) -> None:
    """Ticks of a log axis as plain numbers, also where the axis spans less than a decade."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axes.get_xlim()
    several = high / low > 100
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if several else (1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
