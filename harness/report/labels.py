"""Labels that do not lie on each other: beside points, and at the right ends of lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SIZE = 7.5  # points
_INK = "#222222"  # light colours make poor letters: labels carry a line or mark of the colour instead
_HALO = [withStroke(linewidth=2, foreground="white")]
_RINGS = np.array(  # places around a point to try, in points, the nearest first
    [
        (radius * np.cos(turn), radius * np.sin(turn))
        for radius in (9, 14, 20, 28, 38, 50, 65, 85, 110, 140)
        for turn in np.arange(24) / 24 * 2 * np.pi
    ]
)
_LEADER: dict[str, Any] = {"arrowstyle": "-", "color": "#999999", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3}


@dataclass(frozen=True)
class Label:
    """A text for a point, in data coordinates."""

    x: float
    y: float
    text: str
    colour: str = _INK
    marker: str = ""
    around: tuple[tuple[float, float, float, float], ...] = ()  # x, y to x, y: whiskers and marks that belong to it


def beside(figure: Figure, panels: Sequence[tuple[Axes, Sequence[Label]]]) -> None:
    """Write each label near its point, off the other labels, points and whiskers, with a thin line where it lies apart.

    Labels are placed one by one, the most crowded first, each at the place of least cost among rings of places around
    its point. The layout is frozen: nothing may be added to the figure that moves the axes.
    """
    figure.draw_without_rendering()  # places are known from here on
    figure.set_layout_engine("none")
    for axes, labels in panels:
        if labels:
            _beside(figure, axes, labels)


def _beside(figure: Figure, axes: Axes, labels: Sequence[Label]) -> None:
    unit = figure.dpi / 72
    points = np.array([axes.transData.transform((label.x, label.y)) for label in labels])
    taken = np.concatenate([_mark(axes, label, unit) for label in labels])
    frame = np.array(axes.get_window_extent().extents)[None]
    written = np.empty((0, 4))
    distances = np.hypot(*(points[:, None] - points[None]).T)
    for index in np.argsort(-(1 / (20 + distances)).sum(axis=0), kind="stable"):
        size = np.array(_extent(figure, labels[index].text))
        corner = points[index] + _RINGS * unit - size * np.stack([_anchor(_RINGS[:, 0]), np.full(len(_RINGS), 0.5)], 1)
        boxes = np.concatenate([corner, corner + size], axis=1)
        cost = (
            np.hypot(*_RINGS.T)
            + 100 * _overlaps(boxes, written)
            + 20 * _overlaps(boxes, taken)
            + 100 * (size.prod() - _overlaps(boxes, frame))
        )
        best = int(np.argmin(cost))
        written = np.concatenate([written, boxes[best : best + 1]])
        dx, dy = _RINGS[best]
        axes.annotate(
            labels[index].text,
            (labels[index].x, labels[index].y),
            xytext=(dx, dy),
            textcoords="offset points",
            ha=("left", "center", "right")[round(2 * float(_anchor(dx)))],
            va="center",
            fontsize=_SIZE,
            color=_INK,
            path_effects=_HALO,
            arrowprops=_LEADER if np.hypot(dx, dy) > 12 else None,
        )


def at_ends(figure: Figure, panels: Sequence[tuple[Axes, Sequence[Label]]]) -> None:
    """Write the labels of lines, given their right ends, in a column to the right of their axes, each with its mark."""
    figure.draw_without_rendering()
    height = _extent(figure, "Ag")[1]
    for axes, labels in panels:
        low, high = axes.get_ylim()
        wanted = [(label.y - low) / (high - low) for label in labels]
        for label, y in zip(labels, spread(wanted, 1.15 * height / axes.get_window_extent().height), strict=True):
            axes.annotate(
                "",
                (label.x, label.y),
                xytext=(1.04, y),
                textcoords="axes fraction",
                arrowprops=_LEADER | {"color": label.colour, "shrinkB": 0},
                annotation_clip=False,
            )
            mark: dict[str, Any] = {"marker": label.marker or None, "ls": "", "ms": 4, "color": label.colour}
            axes.plot(1.04, y, transform=axes.transAxes, clip_on=False, **mark)
            axes.text(1.06, y, label.text, transform=axes.transAxes, va="center", fontsize=_SIZE, color=_INK)


def spread(wanted: Sequence[float], step: float) -> list[float]:
    """Heights at least `step` apart, in the order of the wanted ones and as near to them as a stack allows.

    Neighbours that are too near are merged into a stack around the mean of what they want.
    """
    order = np.argsort(wanted, kind="stable")
    stacks: list[list[float]] = []  # the wanted heights in each
    for index in order:
        stacks.append([wanted[index]])
        while len(stacks) > 1 and _lowest(stacks[-2], step) + step * len(stacks[-2]) > _lowest(stacks[-1], step):
            stacks[-2:] = [stacks[-2] + stacks[-1]]
    heights = [_lowest(stack, step) + i * step for stack in stacks for i in range(len(stack))]
    result = np.empty(len(order))
    result[order] = heights
    return result.tolist()


def _lowest(stack: Sequence[float], step: float) -> float:
    return float(np.mean(stack)) - step * (len(stack) - 1) / 2


def _extent(figure: Figure, text: str) -> tuple[float, float]:
    """Width and height of a label in pixels."""
    probe = figure.text(0, 0, text, fontsize=_SIZE)
    box = probe.get_window_extent()
    probe.remove()
    return box.width, box.height


def _anchor(dx: Floats) -> Floats:
    """Where a label is held that lies so far to the right of its point: 0 at its left, 1 at its right, 0.5 between."""
    return np.where(np.abs(dx) <= 1, 0.5, (dx < 0).astype(np.float64))


def _mark(axes: Axes, label: Label, unit: float) -> Floats:
    """[n, 4] the boxes, in pixels, that a point and what belongs to it take."""
    corners = np.array([(label.x, label.y, label.x, label.y), *label.around], dtype=np.float64).reshape(-1, 2)
    boxes = np.asarray(axes.transData.transform(corners), dtype=np.float64).reshape(-1, 4)
    border = np.array([5.0] + [2.0] * len(label.around))[:, None] * unit
    return np.asarray(boxes + border * np.array([-1, -1, 1, 1]), dtype=np.float64)


def _overlaps(boxes: Floats, others: Floats) -> Floats:
    """[n, 4], [m, 4] -> [n]: the area that each box shares with all others together."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(axis=2).sum(axis=1))
