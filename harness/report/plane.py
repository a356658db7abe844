"""The quality-diversity plane: perplexity against diversity, with the reference as the place to be."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report import labels, style
from harness.report.intervals import interval
from harness.report.series import Panel, Series, panels
from harness.report.tables import find
from harness.report.turns import turns
from harness.results import JobResult, References, ScoreRecord

QUALITY = "perplexity"
DIVERSITY = ("diversity", "distinct-2", "rep-4", "distinct-1", "rep-2")  # the first that the sweep has


def draw(jobs: Sequence[JobResult], references: Sequence[References]) -> Figure | None:
    """The plane; None without perplexity and one of `DIVERSITY`."""
    diversity = measured(jobs)
    if diversity is None:
        return None
    sets = panels(jobs, references)
    columns = min(len(sets), 3)
    rows = math.ceil(len(sets) / columns)
    figure = style.new(6.4 if columns == 1 else 4.2 * columns, 4.4 if rows == 1 else 3.6 * rows)
    grid = list(figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat)
    for empty in grid[len(sets) :]:
        empty.remove()
    for axes, panel in zip(grid, sets, strict=False):
        scatter(axes, panel, diversity)
    return figure


def measured(jobs: Sequence[JobResult]) -> str | None:
    """The score to take for diversity; None where the plane lacks one of its two."""
    names = {score.name for job in jobs for score in job.scores if math.isfinite(score.value)}
    return next((name for name in DIVERSITY if name in names), None) if QUALITY in names else None


def scatter(axes: Axes, panel: Panel, diversity: str) -> None:
    """The strategies and the reference; where a knob turns, the path that the strategy takes."""
    found = {id(s): label for s in panel.series if (label := _series(axes, s, diversity))}
    marks = list(found.values())
    place = {id(job): found[id(series)] for series in panel.series if id(series) in found for job in series.jobs}
    for turn in turns([job for series in panel.series for job in series.jobs]):
        for line in turn.lines:
            path = [place[id(job)] for job in sorted(line, key=turn.value) if id(job) in place]
            axes.plot([p.x for p in path], [p.y for p in path], color=style.QUIET, lw=1, zorder=1)
    if panel.references:
        marks += _reference(axes, panel.references, diversity)
    axes.set_title(panel.title)
    axes.set_xscale("log")
    axes.set(xlabel="perplexity under the generator (log scale)", ylabel=diversity)
    axes.margins(0.12)
    style.plain_log(axes.xaxis)
    labels.beside(axes, marks)


def _series(axes: Axes, series: Series, diversity: str) -> labels.Label | None:
    """One mark at the mean over the seeds, with its interval, and the seeds small beside it."""
    pairs = [(find(job.scores, QUALITY), find(job.scores, diversity)) for job in series.jobs]
    found = [(x, y) for x, y in pairs if x and y]
    if not found:
        return None
    x, y = (float(np.mean([pair[i].value for pair in found])) for i in range(2))
    look = series.look
    around = _whiskers(axes, (x, y), [x for x, _ in found], [y for _, y in found], look.colour)
    if len(found) > 1:
        each = np.array([(a.value, b.value) for a, b in found])
        around += [(float(a), float(b), float(a), float(b)) for a, b in each]
        axes.plot(each[:, 0], each[:, 1], ls="", marker=look.marker, ms=3, color=look.colour, alpha=0.5)
    axes.plot(x, y, ls="", marker=look.marker, ms=7, color=look.colour, mec="white", mew=0.6)
    return labels.Label(x, y, series.label, look.colour, around=tuple(around))


def _reference(axes: Axes, references: References, diversity: str) -> list[labels.Label]:
    x, y = find(references.scores, QUALITY), find(references.scores, diversity)
    if not (x and y):
        return []
    for line, at in ((axes.axvline, x.value), (axes.axhline, y.value)):
        line(at, color=style.REFERENCE, lw=0.7, ls=(0, (1, 3)), zorder=1)
    around = _whiskers(axes, (x.value, y.value), [x], [y], style.REFERENCE)
    axes.plot(x.value, y.value, ls="", marker="*", ms=13, color=style.REFERENCE, mec="white", mew=0.6)
    return [labels.Label(x.value, y.value, references.label, style.REFERENCE, around=tuple(around))]


def _whiskers(
    axes: Axes, at: tuple[float, float], x: Sequence[ScoreRecord], y: Sequence[ScoreRecord], colour: str
) -> list[tuple[float, float, float, float]]:
    """Draw the intervals that there are around a point, given the scores of its seeds: from and to where."""
    (left, right), (low, high) = interval(x), interval(y)
    ends = [(left, at[1], right, at[1]), (at[0], low, at[0], high)]
    known = [each for each in ends if all(map(math.isfinite, each))]
    for x0, y0, x1, y1 in known:
        axes.plot([x0, x1], [y0, y1], color=colour, lw=1, alpha=0.6)
    return known
