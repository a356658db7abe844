"""Where labels go beside points so that neither they nor the lines that lead to them lie on each other.

Plain geometry: all lengths are in typographic points, boxes are left, low, right, high.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_RINGS = np.array(  # places around a point to try, the nearest first
    [
        (radius * np.cos(turn), radius * np.sin(turn))
        for radius in (9, 14, 20, 26, 34, 42, 52, 64, 78, 94, 112, 140)
        for turn in np.arange(24) / 24 * 2 * np.pi
    ]
)
_FAR = np.hypot(*_RINGS.T)
_FIRST = 40  # places, cheapest first without regard to lines, of which one is nearly always the best
_NEAR = 12  # a label that is no farther away needs no line
_SHORT = 4.5  # how far from the point a line ends: at the edge of its mark
# What a place costs, beside a point for each point of distance:
_ON_LABEL, _OUTSIDE, _ON_MARK = 100, 100, 20  # for a square point of overlap
_THROUGH = 20  # for a point of a line that runs through a label or a mark
_CROSSING = 60  # for two lines that cross


@dataclass(frozen=True, eq=False)
class Placed:
    """Where a label went."""

    offset: Floats  # [2] from the point to where the label is held: `anchor` says at which of its sides
    box: Floats  # [4]
    leader: Floats | None  # [2, 2] the line from the label to the point; None: it needs none


def anchor(dx: float | Floats) -> Floats:
    """Where a label is held that lies so far to the right of its point: 0 at its left, 1 at its right, 0.5 between."""
    return np.where(np.abs(dx) <= 1, 0.5, (np.asarray(dx) < 0).astype(np.float64))


def place(points: Floats, sizes: Floats, marks: Sequence[Floats], frame: Floats) -> list[Placed]:
    """Put labels beside points, one by one, the most crowded first; then each once more, as all others then are.

    Args:
        points: [n, 2].
        sizes: [n, 2] width and height of each label.
        marks: of each point [m, 4], the boxes that it and then what belongs to it take.
        frame: [4] where labels should stay.
    """
    found: dict[int, Placed] = {}
    taken = np.concatenate(marks)
    distances = np.hypot(*(points[:, None] - points[None]).T)
    order = np.argsort(-(1 / (20 + distances)).sum(axis=0), kind="stable")
    for index in (*order, *order):
        found.pop(index, None)
        # A line ends at its own mark; along its own whiskers it would seem to be some of them.
        walls = np.concatenate([each[int(i == index) :] for i, each in enumerate(marks)])
        found[index] = _one(points[index], sizes[index], taken, walls, list(found.values()), frame)
    return [found[index] for index in range(len(points))]


def _one(point: Floats, size: Floats, marks: Floats, walls: Floats, placed: Sequence[Placed], frame: Floats) -> Placed:
    """The place of least cost: labels keep off `marks`, lines off `walls`, both off what is placed already."""
    low = point + _RINGS - size * np.stack([anchor(_RINGS[:, 0]), np.full(len(_RINGS), 0.5)], axis=1)
    boxes = np.concatenate([low, low + size], axis=1)
    written = np.array([each.box for each in placed]).reshape(-1, 4)
    leaders = np.array([each.leader for each in placed if each.leader is not None]).reshape(-1, 2, 2)
    cost = (
        _FAR
        + _ON_LABEL * _overlaps(boxes, written)
        + _ON_MARK * _overlaps(boxes, marks)
        + _OUTSIDE * (size.prod() - _overlaps(boxes, frame[None]))
    )
    starts, ends = _lines(point, boxes)

    def of_lines(some: NDArray[np.int64]) -> Floats:
        through = _inside(starts[some], ends[some], np.concatenate([written, walls])).sum(axis=1)
        crossing = _cross(starts[some], ends[some], leaders[:, 0], leaders[:, 1]).sum(axis=1)
        under = _inside(leaders[:, 0], leaders[:, 1], boxes[some]).sum(axis=0)
        return np.asarray(_THROUGH * under + (_FAR[some] > _NEAR) * (_THROUGH * through + _CROSSING * crossing))

    first, rest = np.split(np.argsort(cost, kind="stable"), [_FIRST])
    cost[first] += of_lines(first)  # which takes longest, and only ever adds
    cost[rest] = cost[rest] + of_lines(rest) if cost[rest].min() < cost[first].min() else np.inf
    best = int(np.argmin(cost.round(3)))  # rounding must not choose: png and svg, and each redraw, are alike
    return Placed(_RINGS[best], boxes[best], np.stack([starts[best], ends[best]]) if _FAR[best] > _NEAR else None)


def _lines(point: Floats, boxes: Floats) -> tuple[Floats, Floats]:
    """[n, 2] where lines from boxes to a point start, and where they end: at the edge of its mark."""
    starts = np.clip(point, boxes[:, :2], boxes[:, 2:])
    reach = np.hypot(*(point - starts).T)[:, None]
    return starts, point - (point - starts) * np.minimum(1, _SHORT / np.maximum(reach, _SHORT))


def _overlaps(boxes: Floats, others: Floats) -> Floats:
    """[n, 4], [m, 4] -> [n]: the area that each box shares with all others together."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(axis=2).sum(axis=1))


def _inside(starts: Floats, ends: Floats, boxes: Floats) -> Floats:
    """[n, 2], [n, 2], [m, 4] -> [n, m]: how much of each line lies in each box (Liang and Barsky, 1984)."""
    along = ends - starts
    safe = np.where(np.abs(along) < 1e-9, 1e-9, along)[:, None]
    low, high = ((boxes[None, :, side] - starts[:, None]) / safe for side in (slice(2), slice(2, 4)))
    enter = np.minimum(low, high).max(axis=2).clip(0, None)
    leave = np.maximum(low, high).min(axis=2).clip(None, 1)
    return np.asarray((leave - enter).clip(0, None) * np.hypot(*along.T)[:, None])


def _cross(starts: Floats, ends: Floats, others: Floats, other_ends: Floats) -> NDArray[np.bool_]:
    """[n, 2], [n, 2], [m, 2], [m, 2] -> [n, m]: whether two lines cross."""

    def side(a: Floats, b: Floats, c: Floats) -> Floats:
        """On which side of the line from a to b the point c lies."""
        turn = (b - a)[..., 0] * (c - a)[..., 1] - (b - a)[..., 1] * (c - a)[..., 0]
        return np.asarray(np.sign(turn))

    a, b, c, d = starts[:, None], ends[:, None], others[None], other_ends[None]
    return np.asarray((side(a, b, c) != side(a, b, d)) & (side(c, d, a) != side(c, d, b)))
