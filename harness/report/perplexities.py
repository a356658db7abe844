"""The perplexity of every text, strategy by strategy, against that of the reference texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from harness.report import style
from harness.report.series import Panel, panels
from harness.results import JobResult, References

DOTS = 20  # each stands for as many texts
AXIS = "perplexity of each text under the generator (log scale)"


def perplexities(frame: pd.DataFrame) -> NDArray[np.float64]:
    """[texts] exp(mean negative log-probability) of each text that has a token, under the model that wrote it."""
    texts = [np.asarray(values, dtype=np.float64) for values in frame["logprob"]]
    return np.exp([-values.mean() for values in texts if len(values)])


def rows(axes: Axes, panel: Panel) -> None:
    """A row per strategy, the reference the lowest: dots are twentieths of the texts, the bar their middle half."""
    shown = [(s.label, [job.generations for job in s.jobs], s.look) for s in panel.series]
    human = perplexities(panel.references.frame) if panel.references else np.empty(0)
    if panel.references and len(human):
        shown.append(("reference", [panel.references.frame], style.Look(style.REFERENCE, "*", "-")))
        low, middle, high = np.quantile(human, [0.25, 0.5, 0.75])
        axes.axvspan(low, high, color=style.REFERENCE, alpha=0.09, lw=0, zorder=0)
        axes.axvline(middle, color=style.REFERENCE, lw=1, ls=(0, (1, 1.5)), zorder=1)
    for row, (_, frames, look) in enumerate(shown):
        found = np.concatenate([perplexities(frame) for frame in frames])
        if not len(found):
            continue
        low, middle, high = np.quantile(found, [0.25, 0.5, 0.75])
        dots = np.quantile(found, (np.arange(DOTS) + 0.5) / DOTS)
        axes.plot([low, high], [row, row], color=look.colour, lw=5, alpha=0.3, solid_capstyle="butt")
        axes.plot(dots, np.full(DOTS, row), ls="", marker="|", ms=6, mew=0.9, color=look.colour)
        size = 10 if look.marker == "*" else 6.5
        axes.plot(middle, row, ls="", marker=look.marker, ms=size, color=look.colour, mec="white", mew=0.6)
    axes.set_yticks(range(len(shown)), [label for label, _, _ in shown], fontsize=8, color="#222222")
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set(xscale="log", title=panel.title)
    style.plain_log(axes.xaxis)


def draw(jobs: Sequence[JobResult], references: Sequence[References]) -> Figure | None:
    """A panel per set of references, one below the other; None where no text has a token."""
    if not any(len(perplexities(job.generations)) for job in jobs):
        return None
    sets = panels(jobs, references)
    heights = [len(panel.series) + 2.5 for panel in sets]
    figure = style.new(6.8, 0.5 + 0.21 * sum(heights))
    cells = figure.subplots(len(sets), 1, squeeze=False, sharex=True, height_ratios=heights)
    for axes, panel in zip(cells[:, 0], sets, strict=True):
        rows(axes, panel)
    cells[-1, 0].set_xlabel(AXIS)
    return figure
