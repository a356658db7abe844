"""Scores against a knob: what can be read of the axis, the bands and the references."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from numpy.typing import NDArray

from harness.report import knob, style
from harness.report.turns import turns
from harness.results import JobResult, read_sweep
from tests import sweeps


def grid(values: list[float]) -> dict[str, tuple[float, dict[str, Any]]]:
    return {f"temperature({v})": (min(1.0, v / 3), {"temperature": float(v)}) for v in values}


def drawn(jobs: list[JobResult], score: str = "rep-1") -> Axes:
    with style.styled():
        axes = style.new(3, 2.4).subplots()
        knob.panel(axes, turns(jobs)[0], score)
    return axes


@pytest.mark.parametrize("count", [5, 6, 7, 12, 25, 26, 40])
def test_numbers_below_an_axis_keep_apart(tmp_path: Path, count: int) -> None:
    values = [*np.linspace(0, 2.5, count - 1).round(2).tolist(), math.inf]
    sweep = read_sweep(sweeps.sweep(tmp_path, grid(values), prompts=1))
    with style.styled():
        figure = knob.draw(sweep.jobs, sweep.references)
        assert figure
        figure.draw_without_rendering()
    for axes in figure.axes:
        ticks = axes.get_xticklabels()
        shown = {tick.get_text(): tick.get_position()[0] for tick in ticks}
        assert {"0", "inf"} <= set(shown)
        assert len(shown) <= knob.TICKS
        assert all(values[round(at)] == float(text) for text, at in shown.items())
        boxes = sorted((box.x0, box.x1) for box in (tick.get_window_extent() for tick in ticks))
        assert all(right < left for (_, right), (left, _) in pairwise(boxes))


def corners(axes: Axes) -> list[NDArray[np.float64]]:
    """Of everything that is filled or a whisker."""
    return [np.asarray(path.vertices, dtype=float) for each in axes.collections for path in each.get_paths()]


def bands(axes: Axes) -> list[NDArray[np.float64]]:
    return [each for each in corners(axes) if len(each) > 2]


def whiskers(axes: Axes) -> list[list[list[float]]]:
    return [each.tolist() for each in corners(axes) if len(each) == 2]


def test_seeds_have_a_band_too(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, grid([0.5, 1.0, 1.5]), seeds=(0, 1), prompts=4))
    axes = drawn(sweep.jobs)
    (band,) = bands(axes)
    scores = [next(s for s in job.scores if s.name == "rep-1") for job in sweep.jobs[:2]]
    low, high = (float(np.mean([getattr(s, side) for s in scores])) for side in ("low", "high"))
    at = band[np.isclose(band[:, 0], 0.5)][:, 1]
    assert (at.min(), at.max()) == pytest.approx((low, high))
    assert whiskers(axes) == []
    seeds = axes.lines[1]
    assert sorted(np.asarray(seeds.get_ydata()).tolist())[-1] in [s.value for s in scores]


def test_a_point_whose_neighbours_have_no_interval_has_whiskers(tmp_path: Path) -> None:
    """Of six points the first, the fourth and the fifth have an interval: bands need two neighbours."""
    sweep = read_sweep(sweeps.sweep(tmp_path, grid([0.5, 0.75, 1.0, 1.25, 1.5, 1.75]), prompts=2))
    jobs = []
    for place, job in enumerate(sweep.jobs):
        known = {"low": 0.1, "high": 0.4} if place in (0, 3, 4) else {"low": None, "high": None}
        jobs.append(replace(job, scores=[replace(job.scores[0], **known)]))
    axes = drawn(jobs)
    assert whiskers(axes) == [[[x, 0.1], [x, 0.4]] for x in (0.5, 1.25, 1.5)]
    (band,) = [band for band in bands(axes) if np.ptp(band[:, 0]) > 0]
    assert (band[:, 0].min(), band[:, 0].max()) == (1.25, 1.5)


def test_references_differ_in_more_than_colour(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, grid([0.5, 1.0, 1.5]), models=("s", "m"), seeds=(0, 1), prompts=2))
    dotted = [line for line in drawn(sweep.jobs).lines if str(line.get_label()).startswith("reference")]
    assert [line.get_label() for line in dotted] == ["reference s", "reference m"]
    assert len({str(line.get_linestyle()) + str(line._dash_pattern) for line in dotted}) == 2  # type: ignore[attr-defined]


def test_a_reference_that_lines_share_is_one_line(tmp_path: Path) -> None:
    lines = {f"top_p({t}, {p})": (t, {"temperature": t, "top_p": p}) for t in (0.1, 0.5, 0.9) for p in (0.5, 0.8)}
    sweep = read_sweep(sweeps.sweep(tmp_path, lines, prompts=1))
    labels = [str(line.get_label()) for line in drawn(sweep.jobs).lines]
    assert labels.count("reference") == 1
