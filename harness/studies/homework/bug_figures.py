"""The figures of what mistakes in the attention cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from harness.report import labels, style
from harness.report.escape import visible


def sizes(
    models: Sequence[str],
    lines: Mapping[str, Sequence[tuple[float, float, float]]],
    last_token: Sequence[float],
    uniform: Sequence[float],
) -> Figure:
    """Bits per byte by size: a line per variant with intervals, between what one token of context and no model give.

    Args:
        models: the smallest first.
        lines: by variant: value, low and high under each model.
        last_token: of the right network where it sees one token alone.
        uniform: of a guess at random.
    """
    figure = style.new(6.6, 3.6)
    axes = figure.subplots()
    ends = []
    x = list(range(len(models)))
    for values, name in ((uniform, "a guess at random"), (last_token, "right, sees one token")):
        axes.plot(x, values, color="#8A8A8A", lw=1, ls=(0, (1, 1.5)), marker=".", ms=4)
        ends.append(labels.Label(x[-1], values[-1], name, "#8A8A8A"))
    for index, (name, points) in enumerate(lines.items()):
        look = style.look(index)
        y, low, high = ([point[i] for point in points] for i in range(3))
        below, above = ([abs(a - b) for a, b in zip(y, other, strict=True)] for other in (low, high))
        axes.errorbar(
            x, y, yerr=[below, above], color=look.colour, marker=look.marker, ls=look.dash, ms=5, capsize=2
        )  # fmt: skip
        ends.append(labels.Label(x[-1], y[-1], name, look.colour, look.marker))
    axes.set_xticks(x, [visible(name) for name in models])
    axes.set_xlim(-0.3, len(models) - 0.8)
    axes.set_ylabel("bits per byte of human text")
    labels.at_ends(axes, ends)
    return figure


def depth(found: Mapping[str, Mapping[int, float]], layers: Mapping[str, int]) -> Figure:
    """Bits per byte with all three mistakes in some of the first layers, a line per model."""
    figure = style.new(5.2, 3.0)
    axes = figure.subplots()
    for index, (name, points) in enumerate(found.items()):
        look = style.look(index)
        label = f"{visible(name)}, {layers[name]} layers"
        axes.plot(
            list(points),
            list(points.values()),
            color=look.colour,
            marker=look.marker,
            ls=look.dash,
            ms=4.5,
            label=label,
        )
    axes.set(xlabel="layers with all three mistakes, from the first on", ylabel="bits per byte of human text")
    axes.legend(frameon=False, fontsize=7.5)
    return figure
