"""The figures, from what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from experiments.speed.ratios import Spread, rates
from experiments.speed.roster import TITLES
from experiments.speed.table import NAMES, kind
from harness.report import style

OURS = ("e", "p", "f")
BARE = ("g", "h")
Points = dict[int, list[float]]  # x -> seconds in each repetition


def bars(results: Sequence[dict[str, Any]], stem: Path) -> None:
    """Tokens per second of every contender, a panel per sweep and dtype; whiskers from the least to the greatest."""
    with style.styled():
        height = sum(0.5 + 0.24 * len(rates(r["laps"])) for r in results) + 0.4
        figure = style.new(6.8, height)
        sizes = [len(rates(r["laps"])) + 1 for r in results]
        panels = figure.subplots(len(results), 1, squeeze=False, height_ratios=sizes)[:, 0]
        for axes, result in zip(panels, results, strict=True):
            axes.set_title(f"{NAMES[result['sweep']]}, {kind(result['setting'])}")
            _bars(axes, {key: Spread.of(each) for key, each in rates(result["laps"]).items()})
        panels[-1].set_xlabel("generated tokens per second")
        style.save(figure, stem)


def _bars(axes: Axes, spreads: dict[str, Spread]) -> None:
    places = np.arange(len(spreads))[::-1]
    middles = np.array([s.middle for s in spreads.values()])
    reach = np.array([[s.middle - s.low, s.high - s.middle] for s in spreads.values()]).T
    colours = [style.COLOURS[0] if k in OURS else style.QUIET if k in BARE else style.COLOURS[6] for k in spreads]
    axes.barh(places, middles, 0.7, color=colours, xerr=reach, ecolor=style.REFERENCE, capsize=2)
    axes.set_yticks(places, [TITLES[key] for key in spreads])
    axes.grid(visible=False, axis="y")
    for place, spread in zip(places, spreads.values(), strict=True):
        axes.annotate(f"{spread.middle:,.0f}", (spread.high, place), (4, 0), textcoords="offset points", va="center")
    axes.set_xlim(0, 1.12 * max(s.high for s in spreads.values()))


def linear(found: Sequence[dict[str, Any]], stem: Path) -> None:
    """Seconds against prompts, tokens and strategies, with what proportional cost would be."""
    axis: dict[str, Points] = {}
    for each in found:
        axis.setdefault(each["panel"], {}).setdefault(each["x"], []).append(each["seconds"])
    with style.styled():
        figure = style.new(9.0, 2.9)
        panels = figure.subplots(1, 3)
        for axes, name in zip(panels, ("prompts", "tokens", "strategies"), strict=True):
            points = axis[name]
            _line(axes, points)
            if name == "strategies":
                apart = list(accumulate(Spread.of(axis["alone"][x]).middle for x in sorted(axis["alone"])))
                axes.plot(sorted(axis["alone"]), apart, color=style.REFERENCE, ls=":", label="one by one")
            else:
                end = max(points)
                slope = Spread.of(points[end]).middle / end
                axes.plot([0, end], [0, slope * end], color=style.REFERENCE, ls=":", label="proportional")
            axes.set_xlabel({"tokens": "tokens of a continuation"}.get(name, name))
            axes.set_xlim(left=0)
            axes.set_ylim(bottom=0)
            axes.legend(frameon=False, fontsize=8)
        panels[0].set_ylabel("seconds")
        style.save(figure, stem)


def _line(axes: Axes, points: Points) -> None:
    x = sorted(points)
    spreads = [Spread.of(points[n]) for n in x]
    middles = np.array([s.middle for s in spreads])
    reach = np.array([[s.middle - s.low, s.high - s.middle] for s in spreads]).T
    axes.errorbar(x, middles, reach, color=style.COLOURS[0], marker="o", ms=4, capsize=2, label="one sweep")
