"""Rank correlations as a heat map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from harness.report import style
from harness.report.escape import visible

Floats = NDArray[np.float64]


def heat(names: Sequence[str], rho: Floats, tau: Floats, sure: NDArray[np.bool_], order: Sequence[int]) -> Figure:
    """Spearman's above the diagonal, Kendall's below; in hundredths, grey where the interval reaches 0.

    Args:
        names: of the scores.
        rho: [names, names].
        tau: [names, names].
        sure: [names, names] whether the interval of Spearman's leaves 0 out.
        order: in which the scores are shown.
    """
    size = 0.27 * len(names) + 1.9
    figure = style.new(size + 0.6, size)
    axes = figure.subplots()
    place = np.array(order, dtype=np.int64)
    shown = np.where(np.triu(np.ones_like(rho, dtype=bool), 1), rho[place][:, place], tau[place][:, place])
    np.fill_diagonal(shown, np.nan)
    image = axes.imshow(shown, cmap="PuOr_r", vmin=-1, vmax=1)
    for row in range(len(place)):
        for column in range(len(place)):
            if row != column:
                value, known = shown[row, column], sure[place[row], place[column]]
                dark = "white" if abs(value) > 0.72 else "black"
                ink = dark if known else "#8A8A8A"
                axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=5.5, color=ink)
    labels = [visible(names[i]) for i in place]
    axes.set_xticks(range(len(place)), labels, rotation=90, fontsize=7)
    axes.set_yticks(range(len(place)), labels, fontsize=7)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    figure.colorbar(image, ax=axes, shrink=0.6, label="Spearman (above the diagonal), Kendall (below)")
    return figure
