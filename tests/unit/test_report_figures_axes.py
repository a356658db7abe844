"""The figures on axes that somebody gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes

from harness.errors import InputError
from harness.report import axes as on
from harness.results import Sweep, read_sweep
from tests import sweeps

ALL: list[Callable[..., Axes]] = [
    on.plane,
    on.perplexity,
    on.repetition,
    on.probability,
    on.entropy,
    on.example,
    on.frequency,
    on.divergence,
]


@pytest.fixture(autouse=True)
def _off_screen() -> Iterator[None]:
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return read_sweep(sweeps.sweep(tmp_path_factory.mktemp("sweep"), sweeps.SIX, prompts=3))


@pytest.mark.parametrize("draw", ALL)
def test_a_figure_is_drawn_where_it_is_asked_for(sweep: Sweep, draw: Callable[..., Axes]) -> None:
    figure, (left, right) = pyplot.subplots(1, 2, layout="tight")
    assert draw(sweep.jobs, sweep.references, axes=right) is right
    figure.canvas.draw()
    assert right.lines
    assert not left.lines
    assert figure.get_layout_engine() is not None  # the caller's own
    fresh = draw(sweep.jobs, sweep.references)
    assert pyplot.gca() is fresh
    assert fresh.get_xlabel()
    words = [*fresh.texts, *fresh.get_yticklabels(), *(fresh.legend_.get_texts() if fresh.legend_ else [])]
    written = " ".join(text.get_text() for text in words)
    assert all(label in written for label in (*sweeps.SIX, "reference") if draw is not on.divergence)


def test_labels_follow_the_axes(sweep: Sweep) -> None:
    drawn = on.plane(sweep.jobs, sweep.references)
    drawn.figure.canvas.draw()
    before = [text.get_window_extent().bounds for text in drawn.texts]
    drawn.set_xlim(4, 5)
    drawn.figure.canvas.draw()
    assert [text.get_window_extent().bounds for text in drawn.texts] != before


def test_a_score_against_a_knob(tmp_path: Path) -> None:
    grid = read_sweep(sweeps.sweep(tmp_path, sweeps.GRID, prompts=2))
    drawn = on.knob(grid.jobs, "rep-4")
    assert (drawn.get_xlabel(), drawn.get_ylabel()) == ("temperature", "rep-4")
    assert np.asarray(drawn.lines[0].get_xdata()).tolist() == [0.1, 0.3, 0.5, 0.7, 0.9, 1.0, 1.2, 1.5, 2.0]
    assert len(drawn.collections) == 1  # the band
    with pytest.raises(InputError, match="top_p has three values"):
        on.knob(grid.jobs, "rep-4", "top_p")
    with pytest.raises(InputError, match="score='bleu': no job has it"):
        on.knob(grid.jobs, "bleu")


def test_jobs_of_several_models_are_refused(tmp_path: Path) -> None:
    models = read_sweep(sweeps.sweep(tmp_path, sweeps.ONE, models=("s", "m"), prompts=1))
    for draw in ALL:
        with pytest.raises(InputError, match=r"one set of references, not 2 \(s, m\)"):
            draw(models.jobs, models.references)
        with pytest.raises(InputError, match="there are no jobs"):
            draw([], [])


@pytest.mark.parametrize(
    ("draw", "more", "said"),
    [
        (on.plane, {}, "jobs: the plane takes perplexity and one of diversity, distinct-2"),
        (on.divergence, {}, "jobs: they have nothing to draw here"),
        (on.example, {"prompt_id": "p9"}, "prompt_id='p9': no prompt that has a text of every job and a reference"),
    ],
)
def test_what_is_missing_is_said(sweep: Sweep, draw: Callable[..., Axes], more: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as error:
        draw([replace(job, scores=[]) for job in sweep.jobs], sweep.references, **more)
    assert str(error.value).startswith(said)


@pytest.mark.parametrize("draw", [on.perplexity, on.repetition, on.probability, on.entropy, on.frequency, on.example])
def test_jobs_without_texts_are_refused(sweep: Sweep, draw: Callable[..., Axes]) -> None:
    """Those of `harness.compare` hold none; nor does a row of references that came with scores alone."""
    bare = [replace(job, generations=pd.DataFrame()) for job in sweep.jobs]
    with pytest.raises(InputError, match=r"^jobs: they hold no texts; read_sweep gives jobs that do$"):
        draw(bare, sweep.references)
    human = [replace(each, frame=pd.DataFrame()) for each in sweep.references]
    with pytest.raises(InputError, match=r"^references: they hold no texts; read_sweep gives references that do$"):
        draw(sweep.jobs, human)
