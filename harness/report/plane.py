"""The quality-diversity plane: perplexity against diversity, with the reference as the place to be."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report import labels, style
from harness.report.knob import turned
from harness.report.series import Series, panels
from harness.report.tables import find
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
    knob = turned(jobs)
    columns = min(len(sets), 3)
    rows = math.ceil(len(sets) / columns)
    figure = style.new(6.4 if columns == 1 else 4.2 * columns, 4.4 if rows == 1 else 3.6 * rows)
    grid = list(figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat)
    for empty in grid[len(sets) :]:
        empty.remove()
    written: list[tuple[Axes, list[labels.Label]]] = []
    for axes, panel in zip(grid, sets, strict=False):
        found = {id(s): label for s in panel.series if (label := _series(axes, s, diversity))}
        marks = list(found.values())
        if knob:  # one strategy, one knob: its path across the plane
            order = sorted(panel.series, key=lambda series: float(series.jobs[0].config["strategy"][knob]))
            path = [found[id(series)] for series in order if id(series) in found]
            axes.plot([p.x for p in path], [p.y for p in path], color=style.QUIET, lw=1, zorder=1)
        if panel.references:
            marks += _reference(axes, panel.references, diversity)
        axes.set_title(panel.title)
        axes.set_xscale("log")
        axes.set(xlabel="perplexity under the generator (log scale)", ylabel=diversity)
        axes.margins(0.12)
        written.append((axes, marks))
    style.plain_log(written[0][0].xaxis)
    labels.beside(figure, written)
    return figure


def _series(axes: Axes, series: Series, diversity: str) -> labels.Label | None:
    """One mark at the mean over the seeds, with the seeds small beside it, or with the interval of the only job."""
    pairs = [(find(job.scores, QUALITY), find(job.scores, diversity)) for job in series.jobs]
    found = [(x, y) for x, y in pairs if x and y]
    if not found:
        return None
    x, y = (float(np.mean([pair[i].value for pair in found])) for i in range(2))
    look = series.look
    around: list[tuple[float, float, float, float]] = []
    if len(found) > 1:
        each = np.array([(a.value, b.value) for a, b in found])
        around = [(float(a), float(b), float(a), float(b)) for a, b in each]
        axes.plot(each[:, 0], each[:, 1], ls="", marker=look.marker, ms=3, color=look.colour, alpha=0.5)
    else:
        across, up = map(_ends, found[0])
        around = [(across[0], y, across[1], y)] if across else []
        around += [(x, up[0], x, up[1])] if up else []
        for left, low, right, high in around:
            axes.plot([left, right], [low, high], color=look.colour, lw=1, alpha=0.6)
    axes.plot(x, y, ls="", marker=look.marker, ms=7, color=look.colour, mec="white", mew=0.6)
    return labels.Label(x, y, series.label, around=tuple(around))


def _reference(axes: Axes, references: References, diversity: str) -> list[labels.Label]:
    x, y = find(references.scores, QUALITY), find(references.scores, diversity)
    if not (x and y):
        return []
    for line, at in ((axes.axvline, x.value), (axes.axhline, y.value)):
        line(at, color=style.REFERENCE, lw=0.7, ls=(0, (1, 3)), zorder=1)
    axes.plot(x.value, y.value, ls="", marker="*", ms=13, color=style.REFERENCE, mec="white", mew=0.6)
    return [labels.Label(x.value, y.value, references.label)]


def _ends(score: ScoreRecord) -> tuple[float, float] | None:
    return None if score.low is None or score.high is None else (score.low, score.high)
