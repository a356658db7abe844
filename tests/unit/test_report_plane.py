"""The plane: intervals of strategies with seeds, and lines from labels to marks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import IdentityTransform

from harness.report import plane, style
from harness.results import read_sweep
from tests import sweeps
from tests.unit.test_report_figures import MANY


def drawn(folder: Path, **how: object) -> Figure:
    sweep = read_sweep(sweeps.sweep(folder, prompts=4, **how))  # type: ignore[arg-type]
    with style.styled():
        figure = plane.draw(sweep.jobs, sweep.references)
        assert figure
        figure.draw_without_rendering()
    return figure


def whiskers(figure: Figure) -> list[Line2D]:
    return [line for line in figure.axes[0].lines if line.get_alpha() == 0.6]


def test_several_seeds_have_their_mean_interval(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, {"top_p": (0.7, {})}, seeds=(0, 1, 2), prompts=4, references=False))
    with style.styled():
        figure = plane.draw(sweep.jobs, [])
    assert figure
    across, *_ = whiskers(figure)  # distinct-2 has no interval
    scores = [next(s for s in job.scores if s.name == "perplexity") for job in sweep.jobs]
    assert np.asarray(across.get_xdata()).tolist() == pytest.approx(
        [np.mean([s.low for s in scores if s.low]), np.mean([s.high for s in scores if s.high])]
    )


def test_the_same_texts_under_every_seed_are_one_mark_with_its_interval(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, {"greedy": (0.0, {})}, seeds=(0, 1), prompts=4, references=False))
    first = sweep.jobs[0]
    same = [replace(job, generations=first.generations, scores=first.scores) for job in sweep.jobs]
    with style.styled():
        figure = plane.draw(same, [])
    assert figure
    assert [text.get_text() for text in figure.axes[0].texts] == ["greedy"]
    assert len(whiskers(figure)) == 1
    assert not [line for line in figure.axes[0].lines if line.get_alpha() == 0.5]  # marks of single seeds


def test_lines_to_labels_have_the_colour_of_the_mark_and_lie_above_labels(tmp_path: Path) -> None:
    axes = drawn(tmp_path, strategies=MANY).axes[0]
    leaders = [line for line in axes.lines if isinstance(line.get_transform(), IdentityTransform)]
    seen = [line for line in leaders if len(np.asarray(line.get_xdata()))]
    assert len(leaders) == len(axes.texts) == len(MANY) + 1
    assert len(seen) > 3
    assert min(line.get_zorder() for line in seen) > max(text.get_zorder() for text in axes.texts)
    colours = [style.look(index).colour for index in range(len(MANY))]
    assert [line.get_color() for line in leaders] == [*colours, style.REFERENCE]
    for line in seen:  # it ends at a mark of its colour
        end = np.array([np.asarray(line.get_xdata())[-1], np.asarray(line.get_ydata())[-1]])
        marks = [mark for mark in axes.lines if mark.get_color() == line.get_color() and mark.get_marker() != "None"]
        at = [axes.transData.transform(np.asarray(mark.get_xydata())[0]) for mark in marks]
        assert min(np.hypot(*(place - end)) for place in at) < 6 * axes.figure.dpi / 72


def test_points_out_of_sight_have_no_lines(tmp_path: Path) -> None:
    figure = drawn(tmp_path, strategies=MANY)
    axes = figure.axes[0]
    axes.set_xlim(1e6, 1e7)
    figure.draw_without_rendering()
    leaders = [line for line in axes.lines if isinstance(line.get_transform(), IdentityTransform)]
    assert leaders
    assert not any(np.asarray(line.get_xydata()).size for line in leaders)
