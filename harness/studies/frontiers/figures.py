"""The curves of quality against diversity, as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from harness.report import style
from harness.report.escape import visible

Mark = tuple[float, float, float | None, float | None]
"""Diversity, quality, and the quality's interval where it has one."""


@dataclass(frozen=True)
class Panel:
    """One quality of all rules."""

    quality: str
    marks: Mapping[str, Sequence[Mark]]  # by rule
    reference: float | None  # the quality of the references
    levels: Sequence[float]  # where the rules are compared


def curves(axis: str, panels: Sequence[Panel]) -> Figure:
    """A panel per quality, a line per rule; grey lines where the rules are compared, the references dotted."""
    figure = style.new(3.2 * len(panels) + 0.9, 3.3)
    cells = list(figure.subplots(1, len(panels), squeeze=False).flat)
    for axes, panel in zip(cells, panels, strict=True):
        for at in panel.levels:
            axes.axvline(at, color=style.QUIET, lw=0.8, zorder=0)
        for index, (rule, marks) in enumerate(panel.marks.items()):
            look = style.look(index)
            known = np.array(
                [(x, y, y if low is None else low, y if high is None else high) for x, y, low, high in sorted(marks)],
                dtype=np.float64,
            ).reshape(-1, 4)
            x, y, low, high = known.T
            axes.plot(x, y, color=look.colour, marker=look.marker, ls=look.dash, ms=4.5, label=visible(rule))
            axes.fill_between(x, low, high, color=look.colour, alpha=0.1, lw=0)
        if panel.reference is not None:
            axes.axhline(panel.reference, color=style.REFERENCE, lw=1.2, ls=style.DOTTED[0], label="reference")
        if panel.quality.startswith("perplexity"):
            axes.set_yscale("log")
            style.plain_log(axes.yaxis)
        axes.set(title=visible(panel.quality), xlabel=axis + (", nats" if "entropy" in axis else ""))
    cells[-1].legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False, fontsize=7.5, handlelength=3)
    return figure
