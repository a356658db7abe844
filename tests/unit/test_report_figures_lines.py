"""The figures of lines and rows that are not curves along the text: what they show, and where they come from."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.lines import Line2D

from harness.metrics.base import Score
from harness.report import curves, example, frequencies, frontier, lines, perplexities, style
from harness.report.series import panels
from harness.results import ScoreRecord, read_job, read_sweep, write_scores
from tests import sweeps


def frame(tokens: list[list[int]], **columns: Any) -> pd.DataFrame:
    ids = [f"p{i}" for i in range(len(tokens))]
    return pd.DataFrame({"prompt_id": ids, "tokens": [np.array(t, dtype=np.int32) for t in tokens]} | columns)


def test_ranks_are_those_of_a_counter() -> None:
    texts = np.random.default_rng(0).zipf(1.5, size=(30, 40)).clip(max=400).tolist()
    line = frequencies.ranked(frame(texts))
    counted = [count / 1200 for _, count in Counter(t for text in texts for t in text).most_common()]
    assert [counted[int(x) - 1] for x in line.x] == pytest.approx(line.y.tolist())
    assert (line.x[0], line.x[-1]) == (1, len(counted))
    assert len(line.x) <= frequencies.POINTS


def test_one_text_per_prompt_is_ranked_without_its_end() -> None:
    twice = pd.concat([frame([[1, 1, 2, 0], [1, 3]], finish=["eos", "length"]), frame([[7, 7, 7], [7]])])
    line = frequencies.ranked(twice)
    assert line.y.tolist() == pytest.approx([3 / 5, 1 / 5, 1 / 5])
    assert len(frequencies.ranked(frame([])).x) == 0


def test_the_perplexity_of_a_text() -> None:
    texts = pd.DataFrame({"logprob": [np.log([0.5, 0.125]), np.array([]), np.log([0.1])]})
    assert perplexities.perplexities(texts).tolist() == pytest.approx([4, 10])  # the geometric mean of 2 and 8


def test_rows_of_perplexities_show_quantiles(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, dict(list(sweeps.SIX.items())[:2]), prompts=41))
    with style.styled():
        figure = perplexities.draw(sweep.jobs, sweep.references)
    assert figure
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["greedy", "beam(num_beams=8)", "reference"]
    for row, texts in enumerate([*(job.generations for job in sweep.jobs), sweep.references[0].frame]):
        each = np.exp([-np.mean(values, dtype=np.float64) for values in texts["logprob"]])
        drawn = [np.asarray(line.get_xdata(), dtype=float) for line in axes.lines if np.allclose(line.get_ydata(), row)]
        dots, middle = drawn[-2:]
        assert middle.tolist() == pytest.approx([np.median(each)])
        assert len(dots) == perplexities.DOTS
        assert [int(np.sum(each <= dots[i])) for i in (0, 9, 19)] == [2, 20, 40]  # 1/40, 19/40, 39/40 of the way


def test_references_without_texts_are_no_row(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, sweeps.ONE, prompts=3))
    nobody = [replace(each, frame=each.frame.iloc[:0]) for each in sweep.references]
    with style.styled():
        figure = perplexities.draw(sweep.jobs, nobody)
    assert figure
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == list(sweeps.ONE)


def test_the_example_is_the_first_prompt_that_everybody_continues(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, sweeps.ONE, prompts=4))
    (job,), (human,) = sweep.jobs, sweep.references
    assert example.prompt([job], [human]) == "p0"
    short = job.generations.assign(tokens=[t[:1] if i == 0 else t for i, t in enumerate(job.generations["tokens"])])
    cut, fewer = replace(job, generations=short), replace(human, frame=human.frame.drop(index=1))
    assert example.prompt([cut], [human]) == "p1"
    assert example.prompt([job, cut], [fewer]) == "p2"
    assert example.prompt([cut], [human], "p3") == "p3"
    assert example.prompt([cut], [human], "p0") is None
    assert example.prompt([job], []) is None
    ((sheet),) = example.sheets([job], [human], "p2")
    assert sheet.reference is not None
    np.testing.assert_allclose(sheet.lines[0][1].y, np.exp(job.generations["logprob"][2]), rtol=1e-6)
    np.testing.assert_allclose(sheet.reference.y, np.exp(human.frame["logprob"][2]), rtol=1e-6)


def test_curves_survive_the_files(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, sweeps.ONE, prompts=1))
    curve = np.array([[1.0, 0.123456, 0.0], [0.0, 0.9, 1.0]])
    score = ScoreRecord.of(Score("mauve", 0.5, "high", "mauve|v:1", curve=curve))
    write_scores(sweep.jobs[0].folder, [score, ScoreRecord("x", 1.0, "high", "x|v:1")])
    first, second = read_job(sweep.jobs[0].folder).scores
    assert first.curve == ((1.0, 0.1235, 0.0), (0.0, 0.9, 1.0))
    assert first == score
    assert second.curve is None


def test_frontiers_are_means_over_seeds_best_first(tmp_path: Path) -> None:
    two: dict[str, Any] = {"cold": (0.1, {}), "warm": (0.7, {})}
    sweep = read_sweep(sweeps.sweep(tmp_path, two, seeds=(0, 1), prompts=4))
    (sheet,) = frontier.sheets(sweep.jobs, sweep.references)
    assert [series.label for series, _ in sheet.lines] == ["warm", "cold"]
    scores = [next(s for s in job.scores if s.name == "mauve") for job in sweep.jobs if job.label.startswith("warm")]
    line = sheet.lines[0][1]
    mean = np.mean([np.array(score.curve) for score in scores], axis=0)
    np.testing.assert_allclose(np.stack([line.x, line.y]), mean)
    assert line.note == f"mauve {np.mean([score.value for score in scores]):.3f}"
    assert sheet.reference is None
    bare = [replace(job, scores=[replace(s, curve=None) for s in job.scores]) for job in sweep.jobs]
    assert frontier.draw(bare, sweep.references) is None
    assert len(frontier.sheets([*bare[:2], *sweep.jobs[2:]], sweep.references)[0].lines) == 1


def test_the_frontier_of_the_references_decides_which_score_is_drawn(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, sweeps.ONE, prompts=2))
    split = ScoreRecord("mauve-split", 0.9, "high", "mauve-split|v:1", curve=sweeps.arc(0.9))
    jobs = [replace(job, scores=[*job.scores, split]) for job in sweep.jobs]
    human = [replace(each, scores=[*each.scores, replace(split, value=0.99)]) for each in sweep.references]
    (sheet,) = frontier.sheets(jobs, human)
    assert sheet.lines[0][1].note == "mauve-split 0.900"
    assert sheet.reference is not None
    assert sheet.reference.note == "mauve-split 0.990"


@pytest.mark.parametrize("count", [2, lines.OVERLAY, lines.OVERLAY + 1])
def test_many_lines_have_a_panel_each(tmp_path: Path, count: int) -> None:
    strategies: dict[str, Any] = {f"s{i}": (0.1 * i, {}) for i in range(count)}
    sweep = read_sweep(sweeps.sweep(tmp_path, strategies, prompts=2))
    made = frequencies.sheets(sweep.jobs, sweep.references)
    with style.styled():
        figure = lines.figure(made, frequencies.SCALES)
        figure.draw_without_rendering()
    assert len(figure.axes) == (1 if count <= lines.OVERLAY else count)
    for axes in figure.axes:
        shown = [tick.get_text() for tick in axes.get_yticklabels() if tick.get_text()]
        assert all(tick.endswith("%") for tick in shown)
    if count > lines.OVERLAY:
        assert [axes.get_title(loc="left") for axes in figure.axes] == list(strategies)
    assert len(panels(sweep.jobs, sweep.references)) == 1


@pytest.mark.parametrize("log", [False, True])
def test_panels_inside_have_the_grid_of_those_at_the_edges(tmp_path: Path, log: bool) -> None:
    strategies: dict[str, Any] = {f"s{i}": (0.1 * i, {}) for i in range(11)}
    sweep = read_sweep(sweeps.sweep(tmp_path, strategies, prompts=8))
    with style.styled():
        if log:
            figure = lines.figure(frequencies.sheets(sweep.jobs, sweep.references), frequencies.SCALES)
        else:
            figure = lines.figure(curves.sheets(curves.ENTROPY, sweep.jobs, sweep.references), curves.ENTROPY.scales)
        figure.draw_without_rendering()
    assert [axes.yaxis.get_visible() for axes in figure.axes] == [place % 4 == 0 for place in range(11)]
    assert [axes.xaxis.get_visible() for axes in figure.axes] == [place >= 7 for place in range(11)]
    corner = figure.axes[8]  # lower left: both axes
    shown = [
        [at for at in axis.get_majorticklocs() if low <= at <= high]
        for axis in (corner.xaxis, corner.yaxis)
        for low, high in [sorted(axis.get_view_interval())]
    ]
    assert all(shown)
    for place, axes in enumerate(figure.axes):
        grids = [child for child in axes.get_children() if isinstance(child, Line2D) and child.get_zorder() == 0.5]
        drawn = [sorted(set(np.asarray(line.get_data()[way], dtype=float)[::3])) for line in grids for way in (0, 1)]
        up, across = place % 4 > 0, place < 7
        assert len(grids) == up + across
        if across:
            assert shown[0] in drawn
        if up:
            assert shown[1] in drawn
        assert axes.get_xlim() == corner.get_xlim()
        assert axes.get_ylim() == corner.get_ylim()
