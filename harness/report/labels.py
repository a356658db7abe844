"""Labels that do not lie on each other: beside points, and at the right ends of lines.

Both are arranged each time the figure is drawn, where the axes then are: whatever lays the figure out, and however
large it is drawn, they keep apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation, Text
from matplotlib.transforms import IdentityTransform
from numpy.typing import NDArray

from harness.report.placing import anchor, place

Floats = NDArray[np.float64]

_SIZE = 7.5  # points
_INK = "#222222"  # light colours make poor letters: labels carry a line or mark of the colour instead
_HALO = [withStroke(linewidth=2, foreground="white")]
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


def beside(axes: Axes, labels: Sequence[Label]) -> None:
    """Write each label near its point, off the other labels, points and whiskers, with a thin line where it lies apart.

    Labels are placed one by one, the most crowded first, each at the place of least cost among rings of places around
    its point; then once more, now that all the others are known. The lines have the colours of their labels and lie
    above all of these.
    """
    if labels:
        axes.add_artist(_Beside(axes, labels))


def at_ends(axes: Axes, labels: Sequence[Label]) -> None:
    """Write the labels of lines, given their right ends, in a column to the right of the axes, each with its mark."""
    if labels:
        axes.add_artist(_AtEnds(axes, labels))


class _Arranger(Artist):
    """Draws nothing; before the rest of its axes is drawn, it puts texts where they then belong."""

    def __init__(self, axes: Axes, labels: Sequence[Label]) -> None:
        super().__init__()
        self.panel, self.labels = axes, labels
        self.set_zorder(-1000)
        self.set_in_layout(False)


class _Beside(_Arranger):
    def __init__(self, axes: Axes, labels: Sequence[Label]) -> None:
        super().__init__(axes, labels)
        how: dict[str, Any] = {"va": "center", "fontsize": _SIZE, "color": _INK, "path_effects": _HALO}
        self.texts = [
            axes.annotate(label.text, (label.x, label.y), (0, 0), textcoords="offset points", **how) for label in labels
        ]
        self.leaders = [
            Line2D([], [], transform=IdentityTransform(), color=label.colour, lw=0.7, zorder=4, clip_on=False)
            for label in labels
        ]
        for leader in self.leaders:
            axes.add_artist(leader)
        for artist in (*self.texts, *self.leaders):
            artist.set_in_layout(False)

    def draw(self, renderer: RendererBase) -> None:
        """Place the texts and their lines."""
        axes, unit = self.panel, float(np.asarray(renderer.points_to_pixels(1.0)))
        points = np.array([axes.transData.transform((label.x, label.y)) for label in self.labels])
        sizes = np.array([Text.get_window_extent(text, renderer).size for text in self.texts])
        marks = [_mark(axes, label, unit) / unit for label in self.labels]
        frame = np.array(axes.get_window_extent().extents)
        placed = place(points / unit, sizes / unit, marks, frame / unit)
        # matplotlib hides labels of points that are out of sight
        shown = [bool((frame[:2] <= point).all() and (point <= frame[2:]).all()) for point in points]
        for text, line, each, here in zip(self.texts, self.leaders, placed, shown, strict=True):
            text.xyann = each.offset[0], each.offset[1]
            text.set_horizontalalignment(("left", "center", "right")[round(2 * float(anchor(each.offset[0])))])
            line.set_data(*(unit * each.leader.T if here and each.leader is not None else np.empty((2, 0))))


class _AtEnds(_Arranger):
    def __init__(self, axes: Axes, labels: Sequence[Label]) -> None:
        super().__init__(axes, labels)
        self.parts = [_at_end(axes, label) for label in labels]

    def draw(self, renderer: RendererBase) -> None:
        """Place the texts, their marks and their lines."""
        axes = self.panel
        wanted = axes.transAxes.inverted().transform(axes.transData.transform([(a.x, a.y) for a in self.labels]))[:, 1]
        height = max(Text.get_window_extent(text, renderer).height for text, _, _ in self.parts)
        heights = spread(wanted.tolist(), 1.1 * height / axes.get_window_extent().height)
        for (text, mark, leader), y in zip(self.parts, heights, strict=True):
            text.set_y(y)
            mark.set_ydata([y])
            leader.xyann = (1.04, y)


def _at_end(axes: Axes, label: Label) -> tuple[Text, Line2D, Annotation]:
    how: dict[str, Any] = {"transform": axes.transAxes, "clip_on": False}
    text = axes.text(1.06, 0.5, label.text, va="center", fontsize=_SIZE, color=_INK, **how)
    mark = Line2D([1.04], [0.5], ls="", marker=label.marker or "", ms=4, color=label.colour, **how)
    axes.add_artist(mark)
    leader = axes.annotate(
        "",
        (label.x, label.y),
        (1.04, 0.5),
        textcoords="axes fraction",
        arrowprops=_LEADER | {"color": label.colour, "shrinkB": 0},
        annotation_clip=False,
    )
    leader.set_in_layout(False)
    return text, mark, leader


def spread(wanted: Sequence[float], step: float) -> list[float]:
    """Heights at least `step` apart, in the order of the wanted ones and as near to them as a stack allows.

    Neighbours that are too near are merged into a stack around the mean of what they want. As far as there is room, all
    are between 0 and 1.
    """
    order = np.argsort(wanted, kind="stable")
    stacks: list[list[float]] = []  # the wanted heights in each
    for index in order:
        stacks.append([wanted[index]])
        while len(stacks) > 1 and _lowest(stacks[-2], step) + step * len(stacks[-2]) > _lowest(stacks[-1], step):
            stacks[-2:] = [stacks[-2] + stacks[-1]]
    heights = [_lowest(stack, step) + i * step for stack in stacks for i in range(len(stack))]
    floors = np.arange(len(order)) * step
    result = np.empty(len(order))
    result[order] = np.minimum(np.maximum(heights, floors), 1 - floors[::-1])
    return result.tolist()


def _lowest(stack: Sequence[float], step: float) -> float:
    return float(np.mean(stack)) - step * (len(stack) - 1) / 2


def _mark(axes: Axes, label: Label, unit: float) -> Floats:
    """[n, 4] the boxes, in pixels, that a point and what belongs to it take."""
    corners = np.array([(label.x, label.y, label.x, label.y), *label.around], dtype=np.float64).reshape(-1, 2)
    boxes = np.asarray(axes.transData.transform(corners), dtype=np.float64).reshape(-1, 4)
    border = np.array([5.0] + [2.0] * len(label.around))[:, None] * unit
    return np.asarray(boxes + border * np.array([-1, -1, 1, 1]), dtype=np.float64)
