"""Labels beside points: the geometry, and that neither labels nor their lines meet where there is room."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.report import placing
from harness.report.placing import Placed, place

Floats = NDArray[np.float64]
FRAME = np.array([0.0, 0.0, 500.0, 300.0])


def placed(points: Floats, width: float = 60.0) -> list[Placed]:
    sizes = np.tile([width, 9.0], (len(points), 1))
    marks = [np.array([[x - 5, y - 5, x + 5, y + 5]]) for x, y in points]
    return place(points, sizes, marks, FRAME)


def sampled(start: Floats, end: Floats, box: Floats) -> float:
    """How much of a line lies in a box, by looking at ten thousand points of it."""
    points = start + np.linspace(0, 1, 10_001)[:, None] * (end - start)
    inside = ((points > box[:2]) & (points < box[2:])).all(axis=1)
    return float(inside.mean() * np.hypot(*(end - start)))


def test_how_much_of_a_line_lies_in_a_box() -> None:
    rng = np.random.default_rng(0)
    starts, ends = rng.uniform(0, 10, size=(2, 12, 2))
    ends[0, 0] = starts[0, 0]  # one upright, one level, one of no length
    ends[1, 1] = starts[1, 1]
    ends[2] = starts[2]
    low = rng.uniform(0, 6, size=(9, 2))
    boxes = np.concatenate([low, low + rng.uniform(1, 4, size=(9, 2))], axis=1)
    expected = [[sampled(a, b, box) for box in boxes] for a, b in zip(starts, ends, strict=True)]
    np.testing.assert_allclose(placing._inside(starts, ends, boxes), expected, atol=0.01)


@pytest.mark.parametrize(
    ("lines", "cross"),
    [
        ([[0, 0], [2, 2], [0, 2], [2, 0]], True),
        ([[0, 0], [2, 2], [3, 0], [5, 2]], False),
        ([[0, 0], [2, 2], [3, 3], [4, 2]], False),  # the line would, beyond its end
        ([[0, 0], [4, 0], [2, -1], [2, 1]], True),
    ],
)
def test_lines_cross(lines: list[list[float]], cross: bool) -> None:
    a, b, c, d = np.array(lines, dtype=np.float64)[:, None]
    assert placing._cross(a, b, c, d).item() is cross
    assert placing._cross(c, d, b, a).item() is cross


def test_a_label_alone_stands_close_and_needs_no_line() -> None:
    (only,) = placed(np.array([[250.0, 150.0]]))
    assert np.hypot(*only.offset) < 12
    assert only.leader is None


def test_labels_keep_apart_and_in_the_frame() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform([120, 90], [380, 210], size=(25, 2))
    made = placed(points)
    for one, other in combinations(made, 2):
        shared = np.minimum(one.box[2:], other.box[2:]) - np.maximum(one.box[:2], other.box[:2])
        assert shared.min() <= 1e-9
    for each in made:
        assert (each.box[:2] >= FRAME[:2] - 1e-9).all()
        assert (each.box[2:] <= FRAME[2:] + 1e-9).all()


def test_lines_run_from_label_to_mark_and_past_labels() -> None:
    """Twenty-five points of a row whose labels are five times as wide as their distance."""
    points = np.stack([np.linspace(100, 400, 25), np.full(25, 150.0)], axis=1)
    made = placed(points)
    leaders = [(each, each.leader) for each in made if each.leader is not None]
    assert len(leaders) > 15
    crossed = 0.0
    for each, leader in leaders:
        start, end = leader
        assert (start >= each.box[:2] - 1e-9).all()
        assert (start <= each.box[2:] + 1e-9).all()
        nearest = points[np.hypot(*(points - end).T).argmin()]
        assert nearest.tolist() == points[made.index(each)].tolist()
        crossed += sum(sampled(start, end, other.box) for other in made if other is not each)
    assert crossed / sum(np.hypot(*(leader[1] - leader[0])) for _, leader in leaders) < 0.1


def test_a_line_does_not_lie_along_a_whisker() -> None:
    """It would lengthen the interval to the eye."""
    point = np.array([[250.0, 150.0], [250.0, 164.0], [250.0, 136.0]])
    whisker = np.array([[245.0, 145.0, 255.0, 155.0], [225.0, 148.0, 275.0, 152.0]])
    others = [np.array([[x - 5, y - 5, x + 5, y + 5]]) for x, y in point[1:]]
    first, *_ = place(point, np.tile([60.0, 9.0], (3, 1)), [whisker, *others], FRAME)
    if first.leader is not None:
        assert abs(np.diff(first.leader[:, 1]).item()) > 2


def test_the_same_points_give_the_same_places_at_any_resolution() -> None:
    points = np.random.default_rng(2).uniform([120, 90], [380, 210], size=(12, 2))
    offsets = [[each.offset.tolist() for each in placed(points + shift)] for shift in (0.0, 1e-9)]
    assert offsets[0] == offsets[1]
