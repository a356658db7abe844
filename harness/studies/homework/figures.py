"""The figures of the homework's answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from harness.report import style
from harness.report.escape import visible
from harness.studies.homework.limits import GRID, Limits
from harness.studies.homework.loops import Looping, Rising


def loops(found: Mapping[str, Looping]) -> Figure:
    """The probability of every token of one greedy text, a panel per model, the longest repetition shaded."""
    figure = style.new(7.2, 0.5 + 1.25 * len(found))
    cells = figure.subplots(len(found), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, (name, each) in zip(cells, found.items(), strict=True):
        at = np.arange(1, len(each.probabilities) + 1)
        axes.plot(at, each.probabilities, color=style.COLOURS[0], lw=0.9)
        axes.set(ylim=(0, 1.02))
        title = f"{visible(name)}: no phrase stands three times in a row"
        if each.stretch:
            stretch = each.stretch
            axes.axvspan(stretch.onset + 0.5, stretch.end + 0.5, color=style.COLOURS[4], alpha=0.22, lw=0)
            for edge in range(stretch.onset, stretch.end + 1, stretch.period):
                axes.axvline(edge + 0.5, color=style.COLOURS[1], lw=0.6)
            title = f"{visible(name)}: {stretch.repeats} times “{_short(each.phrase)}”"
        axes.set_title(title)
    cells[-1].set_xlabel("token of the greedy text")
    figure.supylabel("probability of the token", fontsize=9)
    return figure


def rising(by_pass: Mapping[str, Rising], by_copy: Mapping[str, Rising]) -> Figure:
    """Left: passes through a phrase that greedy repeats. Right: copies of sentences that people wrote."""
    figure = style.new(7.2, 2.9)
    left, right = figure.subplots(1, 2)
    _lines(left, by_pass, "pass through the phrase", "probability of a token, mean")
    left.set_title("phrases that greedy repeats")
    _lines(right, by_copy, "copy of the sentence", "probability of a token, geometric mean", exp=True)
    right.set_title("sentences that people wrote, copied")
    right.legend(frameon=False, fontsize=7.5)
    return figure


def _lines(axes: Axes, found: Mapping[str, Rising], x: str, y: str, *, exp: bool = False) -> None:
    for index, (name, each) in enumerate(found.items()):
        look = style.look(index)
        values = np.exp(each.means) if exp else np.array(each.means)
        at = np.arange(1, len(values) + 1)
        axes.plot(at, values, color=look.colour, marker=look.marker, ls=look.dash, ms=4.5, label=visible(name))
        axes.set_xticks(at)
    axes.set(xlabel=x, ylabel=y)
    axes.set_ylim(bottom=0)


def limits(found: Mapping[str, Limits]) -> Figure:
    """Left: how probable greedy's text is. Right: how near to uniform the distributions are. Curves are exact."""
    figure = style.new(7.2, 2.9)
    left, right = figure.subplots(1, 2)
    for index, (name, each) in enumerate(found.items()):
        look = style.look(index)
        taus = [one.temperature for one in each.each]
        shares = [one.equal / one.draws for one in each.each]
        heights = [one.entropy / each.ceiling for one in each.each]
        for axes, curve, points in ((left, each.path, shares), (right, each.entropy, heights)):
            axes.plot(GRID, curve, color=look.colour, ls=look.dash, label=visible(name))
            axes.plot(taus, points, ls="", color=look.colour, marker=look.marker, ms=5, mfc="none", clip_on=False)
    for axes in (left, right):
        axes.set(xscale="log", xlabel="temperature τ", ylim=(-0.03, 1.03))
        style.plain_log(axes.xaxis)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    tokens = max(each.tokens for each in found.values())
    left.set_title(f"P(all {tokens} tokens are greedy's), and share of draws")
    right.set_title("entropy of the distribution used, of ln V")
    right.legend(frameon=False, fontsize=7.5)
    return figure


Points = Mapping[str, Sequence[tuple[float, float | None, float | None] | None]]
"""By line: value, low and high under each model, or None."""


def sizes(models: Sequence[str], panels: Mapping[str, Points]) -> Figure:
    """A panel per number: models from left to right, a line per strategy, bars for intervals."""
    figure = style.new(2.6 * len(panels) + 0.6, 2.8)
    cells = list(figure.subplots(1, len(panels), squeeze=False).flat)
    for axes, (title, lines) in zip(cells, panels.items(), strict=True):
        for index, (label, points) in enumerate(lines.items()):
            look = style.look(index)
            colour = style.REFERENCE if label == "references" else look.colour
            shift = 0.06 * (index - (len(lines) - 1) / 2)
            known = [(i + shift, *point) for i, point in enumerate(points) if point is not None]
            x, y = [each[0] for each in known], [each[1] for each in known]
            low = [value - (value if end is None else end) for _, value, end, _ in known]
            high = [(value if end is None else end) - value for _, value, _, end in known]
            axes.errorbar(
                x, y, yerr=np.abs([low, high]), color=colour, marker=look.marker, ls=look.dash, ms=4.5, capsize=2,
                elinewidth=0.9, label=visible(label),
            )  # fmt: skip
        axes.set_title(title)
        axes.set_xticks(range(len(models)), [visible(name) for name in models], fontsize=7.5)
        axes.set_xlim(-0.4, len(models) - 0.6)
        if len(lines) > 1:
            axes.legend(frameon=False, fontsize=7.5)
    return figure


def _short(text: str, most: int = 60) -> str:
    shown = visible(text.strip())
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"
