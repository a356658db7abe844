"""The figures of the limits of the temperature."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from harness.report import style
from harness.studies.temperature.contexts import Curves
from harness.studies.temperature.laws import WITHIN, Fit, Shape
from harness.studies.temperature.lines import Line

Floats = NDArray[np.float64]

LINES = 60  # contexts that are drawn one by one
_ENDS = 1.0  # decades beyond the others at which 0 and ∞ stand


def limits(whole: Curves, cut: Curves, top_k: int, vocab: int) -> Figure:
    """Entropy, P(argmax), KL to uniform and total variation to greedy, median and middle half of the contexts."""
    made = style.new(6.8, 4.6)
    panels = {
        "entropy, nats": ("entropy", (math.log(vocab), math.log(min(top_k, vocab)))),
        "P(argmax)": ("argmax", (1.0,)),
        "KL to uniform, nats": ("divergence", (math.log(vocab), math.log(min(top_k, vocab)))),
        "total variation to greedy": ("from_greedy", (1.0,)),
    }
    for axes, (title, (name, heights)) in zip(made.subplots(2, 2, sharex=True).flat, panels.items(), strict=True):
        for height in (0.0, *heights):
            axes.axhline(height, color=style.REFERENCE, lw=0.8, ls=(0, (1, 1.5)))
        for index, (curves, label) in enumerate(((whole, "all tokens"), (cut, f"top_k={top_k}"))):
            _band(axes, curves.tau, getattr(curves, name), style.look(index), label)
        axes.set_title(title)
    made.axes[1].legend(frameon=False, fontsize=7.5, loc="center right")
    made.supxlabel("temperature", fontsize=9)
    return made


def laws(
    curves: Curves, shapes: Sequence[Shape], cold: Sequence[Fit], hot: Sequence[Fit], scales: tuple[Floats, Floats]
) -> Figure:
    """Above: all contexts on the lines that the two laws say; below: measured over predicted, as the law sets in.

    Args:
        curves: the contexts' exact numbers.
        shapes: what the laws take from each.
        cold: the fits of each to the law of τ → 0,
        hot: and of τ → ∞.
        scales: of the two.
    """
    made = style.new(6.8, 4.8)
    (left, right), below = made.subplots(2, 2)
    finite = (curves.tau > 0) & np.isfinite(curves.tau)
    some = slice(None, None, -(-len(shapes) // LINES))
    tau = curves.tau[finite]
    rest, divergence = np.exp(curves.log_rest[some, finite]), curves.divergence[some, finite]
    x = [shape.gap / tau for shape in shapes[some]]
    _many(left, x, [y / shape.multiplicity for y, shape in zip(rest, shapes[some], strict=True)])
    _many(right, [tau] * len(x), [y / (shape.variance / 2) for y, shape in zip(divergence, shapes[some], strict=True)])
    law = np.linspace(0, 30, 2)
    left.plot(law, np.exp(-law), color=style.COLOURS[1], ls=style.DASHES[1], label="exp(−Δ/τ)")
    left.set(yscale="log", xlim=(0, 30), ylim=(1e-13, 10), xlabel="Δ / τ", title="τ → 0: (1 − P(argmax)) / m")
    law = np.array([1.0, tau.max()])
    right.plot(law, law**-2, color=style.COLOURS[1], ls=style.DASHES[1], label="1 / τ²")
    right.set(xscale="log", yscale="log", xlim=(0.9, tau.max()), ylim=(tau.max() ** -2, 1))
    right.set(xlabel="temperature", title="τ → ∞: (ln V − H) / (Var / 2)")
    for axes in (left, right):
        axes.legend(frameon=False, fontsize=7.5)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    for axes, fits, scale, title in zip(below, (cold, hot), scales, ("τ → 0", "τ → ∞"), strict=True):
        _many(axes, [scale] * len(fits[some]), [fit.ratios for fit in fits[some]])
        axes.plot(scale, np.median([fit.ratios for fit in fits], axis=0), color=style.COLOURS[0])
        axes.axhspan(1 - WITHIN, 1 + WITHIN, color=style.COLOURS[2], alpha=0.2, lw=0)
        axes.axvspan(*((scale.min(), 1) if fits is cold else (1, scale.max())), color=style.REFERENCE, alpha=0.06, lw=0)
        axes.set(xscale="log", xlim=(scale.min(), scale.max()), ylim=(0.9, 1.1), title=f"{title}: measured / predicted")
        axes.set_xlabel(
            "temperature / where the proved range ends" if fits is cold else "temperature / where it begins"
        )
    for axes in (right, *below):
        style.plain_log(axes.xaxis)
    return made


def partings(lines: Sequence[Line]) -> Figure:
    """The first token that differs from greedy's, and the share of texts that never part, against the temperature."""
    made = style.new(6.8, 2.8)
    left, right = made.subplots(1, 2)
    never = max(line.longest for line in lines) + 1  # where a text that never parts is drawn
    for index, line in enumerate(lines):
        look, found = style.look(index), [each for each in line.partings if math.isfinite(each.tau)]
        tau = [each.tau for each in found]
        low, high = np.minimum(np.array([each.quartiles() for each in found]).T, never)
        left.fill_between(tau, low, high, color=look.colour, alpha=0.15, lw=0)
        middles = np.minimum([each.median()[0] for each in found], never)
        left.plot(tau, middles, color=look.colour, marker=look.marker, ls=look.dash, ms=4, label=line.title)
        shares = [each.together() for each in found]
        ends = np.array([(interval.low, interval.high) for _, interval in shares]).T
        right.fill_between(tau, *ends, color=look.colour, alpha=0.15, lw=0)
        right.plot(tau, [share for share, _ in shares], color=look.colour, marker=look.marker, ls=look.dash, ms=4)
    left.axhline(never, color=style.REFERENCE, lw=0.8, ls=(0, (1, 1.5)))
    left.set(yscale="log", ylim=(0.9, 1.3 * never))
    style.plain_log(left.yaxis)
    left.set_title("first token that differs from greedy's")
    right.set_title("share of texts that are greedy's to the end")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.set(xlabel="temperature", xscale="log")
        style.plain_log(axes.xaxis)
    if len(lines) > 1:
        left.legend(frameon=False, fontsize=7.5)
    return made


def _many(axes: Axes, x: Sequence[Floats], y: Sequence[Floats]) -> None:
    """Many thin lines, drawn as one with gaps."""
    parts = [np.concatenate([np.append(each, np.nan) for each in side]) for side in (x, y)]
    axes.plot(*parts, color=style.COLOURS[5], lw=0.6, alpha=0.6)


def _band(axes: Axes, tau: Floats, values: Floats, look: style.Look, label: str) -> None:
    """Median and middle half over contexts [contexts, temperatures]; 0 and ∞ beside the others."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    finite = (tau > 0) & np.isfinite(tau)
    axes.plot(tau[finite], middle[finite], color=look.colour, ls=look.dash, label=label)
    axes.fill_between(tau[finite], low[finite], high[finite], color=look.colour, alpha=0.15, lw=0)
    left, right = tau[finite].min(), tau[finite].max()
    ends = {0.0: left / 10**_ENDS, math.inf: right * 10**_ENDS}
    for each, y in zip(tau[~finite].tolist(), middle[~finite].tolist(), strict=True):
        axes.plot([ends[each]], [y], color=look.colour, marker=look.marker, ms=4)
    axes.set_xscale("log")
    decades = 10.0 ** np.arange(math.ceil(math.log10(left)), math.floor(math.log10(right)) + 1, 2)
    axes.set_xticks([ends[0.0], *decades, ends[math.inf]], ["0", *(f"{each:g}" for each in decades), "∞"])
    axes.minorticks_off()
