"""Labels that do not lie on each other: beside points, and at the right ends of lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

_SIZE = 7.5  # points
_LEADER: dict[str, Any] = {"arrowstyle": "-", "color": "#999999", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3}


@dataclass(frozen=True)
class Label:
    """A text for a point, in data coordinates."""

    x: float
    y: float
    text: str
    colour: str


def beside(axes: Axes, labels: Sequence[Label]) -> None:
    """Write each label near its point, off the other labels and points, with a thin line where it lies further away.

    Labels are placed one by one, the most crowded first, each at the place of least cost among rings of places around
    its point. The layout is frozen: nothing may be added to the figure that moves the axes.
    """
    figure = _frozen(axes)
    unit = figure.dpi / 72
    points = [tuple(map(float, axes.transData.transform((label.x, label.y)))) for label in labels]
    marks = [Bbox.from_bounds(x - 5 * unit, y - 5 * unit, 10 * unit, 10 * unit) for x, y in points]
    frame = axes.get_window_extent()
    placed: list[Bbox] = []
    for index in sorted(range(len(labels)), key=lambda i: _crowd(points, i), reverse=True):
        x, y = points[index]
        width, height = _extent(figure, labels[index].text)
        best: tuple[float, float, float, Bbox] | None = None
        for radius, turn in product((9, 14, 20, 28, 38, 50, 65, 85, 110, 140), np.arange(24) / 24):
            dx, dy = radius * unit * np.cos(2 * np.pi * turn), radius * unit * np.sin(2 * np.pi * turn)
            box = Bbox.from_bounds(
                x + dx - (width if dx < -unit else 0 if dx > unit else width / 2), y + dy - height / 2, width, height
            )
            cost = (
                radius
                + 100 * sum(_overlap(box, other) for other in placed)
                + 20 * sum(_overlap(box, mark) for mark in marks)
                + 100 * (width * height - _overlap(box, frame))
            )
            if best is None or cost < best[0]:
                best = (cost, (dx, dy)[0] / unit, dy / unit, box)
        assert best is not None
        _, dx, dy, box = best
        placed.append(box)
        axes.annotate(
            labels[index].text,
            (labels[index].x, labels[index].y),
            xytext=(dx, dy),
            textcoords="offset points",
            ha="right" if dx < -1 else "left" if dx > 1 else "center",
            va="center",
            fontsize=_SIZE,
            color=labels[index].colour,
            arrowprops=_LEADER if np.hypot(dx, dy) > 15 else None,
        )


def at_ends(axes: Axes, labels: Sequence[Label]) -> None:
    """Write the labels of lines, given their right ends, in a column to the right of the axes."""
    figure = _frozen(axes, freeze=False)
    frame = axes.get_window_extent()
    step = 1.15 * _extent(figure, "Ag")[1] / frame.height
    wanted = [(axes.transAxes.inverted().transform(axes.transData.transform((0, label.y))))[1] for label in labels]
    for label, height in zip(labels, spread(wanted, step), strict=True):
        axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=(1.04, height),
            textcoords="axes fraction",
            va="center",
            fontsize=_SIZE,
            color=label.colour,
            arrowprops=_LEADER | {"relpos": (0, 0.5)},
            annotation_clip=False,
        )


def spread(wanted: Sequence[float], step: float) -> list[float]:
    """Heights at least `step` apart, in the order of the wanted ones and as near to them as a stack allows.

    Neighbours that are too near are merged into a stack around the mean of what they want.
    """
    order = np.argsort(wanted, kind="stable")
    stacks: list[list[float]] = []  # the wanted heights in each
    for index in order:
        stacks.append([wanted[index]])
        while len(stacks) > 1 and _top(stacks[-2], step) + step > _bottom(stacks[-1], step):
            stacks[-2:] = [stacks[-2] + stacks[-1]]
    heights = [_bottom(stack, step) + i * step for stack in stacks for i in range(len(stack))]
    result = np.empty(len(order))
    result[order] = heights
    return cast(list[float], result.tolist())


def _bottom(stack: Sequence[float], step: float) -> float:
    return float(np.mean(stack)) - step * (len(stack) - 1) / 2


def _top(stack: Sequence[float], step: float) -> float:
    return _bottom(stack, step) + step * (len(stack) - 1)


def _frozen(axes: Axes, freeze: bool = True) -> Figure:
    figure = cast(Figure, axes.get_figure(root=True))
    figure.canvas.draw()
    if freeze:
        figure.set_layout_engine("none")
    return figure


def _extent(figure: Figure, text: str) -> tuple[float, float]:
    """Width and height of a label in pixels."""
    probe = figure.text(0, 0, text, fontsize=_SIZE)
    box = probe.get_window_extent(cast(FigureCanvasAgg, figure.canvas).get_renderer())
    probe.remove()
    return box.width, box.height


def _overlap(a: Bbox, b: Bbox) -> float:
    width, height = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
    return max(width, 0.0) * max(height, 0.0)


def _crowd(points: Sequence[tuple[float, ...]], index: int) -> float:
    """How crowded a point's surroundings are."""
    distances = np.hypot(*(np.array(points) - points[index]).T)
    return float(np.sum(1 / (20 + distances)))
