"""Figures: which ones a sweep gets, what they draw, and that labels keep apart."""

from __future__ import annotations

import gc
import math
from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Annotation

from harness.report import curves, figures, knob, plane, style
from harness.report.labels import spread
from harness.report.series import common, panels
from harness.report.turns import turns
from harness.results import read_sweep
from tests import sweeps

MANY = {
    **sweeps.SIX,
    **sweeps.GRID,
    **{f"top_p({p})": (0.8 * p, {"top_p": p}) for p in (0.1, 0.3, 0.5, 0.7, 0.8, 0.85, 0.92, 0.95, 0.97, 0.99)},
}


def drawn(folder: Path, **how: Any) -> list[str]:
    sweep = read_sweep(sweeps.sweep(folder, **how))
    return [drawing.stem for drawing in figures.write(folder / "figures", sweep.jobs, sweep.references)]


def test_figures_are_there_in_both_formats(tmp_path: Path) -> None:
    stems = drawn(tmp_path, strategies=dict(list(sweeps.SIX.items())[:2]), prompts=2)
    assert stems == [
        "plane",
        "perplexity",
        "repetition",
        "probability",
        "example",
        "entropy",
        "frequency",
        "frontier",
    ]
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        f"{stem}.{kind}" for stem in stems for kind in ("png", "svg")
    }
    for stem in stems:
        image = imread(tmp_path / "figures" / f"{stem}.png")
        assert min(image.shape[:2]) > 200
        assert len(np.unique(image @ [1.0, 0.1, 0.01, 0.0])) > 20  # colours: more than an empty frame
        assert "</svg>" in (tmp_path / "figures" / f"{stem}.svg").read_text()


def only(stem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "DRAWINGS", [each for each in figures.DRAWINGS if each.stem == stem])


def test_a_figure_comes_and_goes_with_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only("knob", monkeypatch)
    assert drawn(tmp_path, strategies=sweeps.GRID, prompts=1) == ["knob"]
    sweep = read_sweep(tmp_path)
    assert figures.write(tmp_path / "figures", sweep.jobs[:2], sweep.references) == []
    assert not list((tmp_path / "figures").glob("knob.*"))


def test_garbage_is_collected_again_once_a_figure_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def draw(*_: Any) -> None:
        seen.append(gc.isenabled())
        raise ValueError("no figure")

    monkeypatch.setattr(figures, "DRAWINGS", [figures.Drawing("x", "", "", draw)])
    with pytest.raises(ValueError, match="no figure"):
        figures.write(tmp_path, [], [])
    assert seen == [False]
    assert gc.isenabled()


def test_the_same_sweep_draws_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only("plane", monkeypatch)
    files = []
    for _ in range(2):
        drawn(tmp_path, strategies=sweeps.ONE, prompts=1)
        files.append({path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()})
    assert files[0] == files[1]


def test_the_callers_style_comes_back() -> None:
    before = dict(mpl.rcParams)
    with style.styled():
        assert dict(mpl.rcParams) != before
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("case", ["many", "models", "seeds", "no references"])
def test_labels_of_the_plane_keep_apart(tmp_path: Path, case: str) -> None:
    cases: dict[str, dict[str, Any]] = {
        "many": {"strategies": MANY},
        "models": {"strategies": sweeps.SIX, "models": ("s", "m", "l")},
        "seeds": {"strategies": sweeps.SIX, "seeds": (0, 1)},
        "no references": {"strategies": sweeps.SIX, "references": False},
    }
    sweep = read_sweep(sweeps.sweep(tmp_path, prompts=2, **cases[case]))
    with style.styled():
        figure = plane.draw(sweep.jobs, sweep.references)
        assert figure
        figure.draw_without_rendering()
        for axes in figure.axes:
            texts = [text for text in axes.texts if isinstance(text, Annotation)]
            boxes = [mpl.text.Text.get_window_extent(text) for text in texts]
            assert len(texts) == len({t.get_text() for t in texts})
            for (a, box), (b, other) in combinations(zip(texts, boxes, strict=True), 2):
                assert not box.overlaps(other), f"{a.get_text()} lies on {b.get_text()}"
    assert sum(len(axes.texts) for axes in figure.axes) == len(sweep.jobs) // (2 if case == "seeds" else 1) + len(
        sweep.references
    )


def test_labels_stay_where_they_are_when_drawn_again(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, MANY, prompts=2))
    places = []
    with style.styled():
        figure = plane.draw(sweep.jobs, sweep.references)
        assert figure
        for _ in range(3):
            figure.draw_without_rendering()
            places.append([text.xyann for text in figure.axes[0].texts if isinstance(text, Annotation)])
    assert len(places[0]) == len(MANY) + 1
    assert places[0] == places[1] == places[2]


def test_a_figure_is_laid_out_once_for_both_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    execute, draw = ConstrainedLayoutEngine.execute, Figure.draw

    def executed(engine: ConstrainedLayoutEngine, fig: Figure) -> Any:
        done.append("laid out")
        return execute(engine, fig)

    def drawn(figure: Figure, renderer: RendererBase) -> None:
        done.append("drawn")
        draw(figure, renderer)

    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", executed)
    monkeypatch.setattr(Figure, "draw", drawn)
    with style.styled():
        figure = style.new(3, 2)
        axes = figure.subplots()
        axes.set_ylabel("a name\nof three\nlines")
        before = axes.get_position().x0
        style.save(figure, tmp_path / "one")
    assert done == ["laid out", "drawn", "drawn"]
    assert axes.get_position().x0 > before
    assert {path.name for path in tmp_path.iterdir()} == {"one.png", "one.svg"}


@pytest.mark.parametrize("strategies", [sweeps.SIX, MANY], ids=["six", "many"])
def test_curves_name_every_strategy(tmp_path: Path, strategies: Any) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, strategies, prompts=2))
    with style.styled():
        figure = curves.draw(curves.ENTROPY, sweep.jobs, sweep.references)
    assert figure
    written = {text.get_text() for axes in figure.axes for text in axes.texts}
    written |= {axes.get_title(loc="left") for axes in figure.axes}
    assert set(strategies) <= written


def test_repetition_is_counted_position_by_position() -> None:
    assert curves.repeated([1, 2, 3, 4, 5]).tolist() == [0] * 5
    assert curves.repeated([7] * 7).tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert curves.repeated([1, 2, 3, 4, 9, 1, 2, 3, 4]).tolist() == [0] * 8 + [1]
    assert curves.repeated([]).tolist() == []


@given(st.lists(st.integers(0, 2), max_size=30))
def test_repetition_is_what_a_search_finds(tokens: list[int]) -> None:
    def before(end: int) -> bool:
        gram = tokens[end - 3 : end + 1]
        return end >= 3 and any(tokens[i : i + 4] == gram for i in range(end - 3))

    assert curves.repeated(tokens).tolist() == [before(end) for end in range(len(tokens))]


def test_curves_end_where_few_texts_are_left() -> None:
    frame = sweeps.rows(0.5, list("abcdefgh"))
    frame = frame.assign(logprob=pd.Series([np.zeros(n) for n in (2, 2, 2, 2, 2, 2, 4, 9)]))
    assert len(curves.along(curves.PROBABILITY, [frame]).x) == 4  # reached by 2 of 8
    frame = frame.assign(logprob=pd.Series([np.zeros(0)] * 8))
    assert len(curves.along(curves.PROBABILITY, [frame]).x) == 0


def test_curves_sum_up_over_texts() -> None:
    frame = sweeps.rows(0.5, [str(i) for i in range(curves.NOISY)])
    each = np.exp(np.stack(list(frame["logprob"])).astype(np.float64))
    line = curves.along(curves.PROBABILITY, [frame])
    assert line.low is not None
    assert line.high is not None
    assert line.x.tolist() == list(range(1, each.shape[1] + 1))
    np.testing.assert_allclose(line.y, np.median(each, axis=0))
    np.testing.assert_allclose([line.low, line.high], np.quantile(each, [0.25, 0.75], axis=0))
    repeated = np.stack([curves.repeated(tokens) for tokens in frame["tokens"]])
    np.testing.assert_allclose(curves.along(curves.REPETITION, [frame]).y, repeated.mean(axis=0))
    half = frame.iloc[: curves.NOISY // 2]
    smooth = curves.along(curves.ENTROPY, [half]).y
    raw = np.median(np.stack(list(half["entropy"])).astype(np.float64), axis=0)
    np.testing.assert_allclose(smooth[2:-2], np.convolve(raw, np.full(5, 0.2), "valid"))
    np.testing.assert_allclose(smooth[0], raw[:3].mean())


def test_quantiles_are_numpys() -> None:
    values = np.random.default_rng(0).exponential(size=(37, 11))
    values[np.arange(37)[:, None] >= 37 - 3 * np.arange(11)] = np.nan
    shares = [0.5, 0.25, 0.75, 0, 1]
    np.testing.assert_allclose(curves._quantiles(values, shares), np.nanquantile(values, shares, axis=0), rtol=1e-12)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_spread_keeps_order_and_distance(wanted: list[float]) -> None:
    heights = spread(wanted, 0.1)
    assert len(wanted) > 11 or all(-1e-9 <= height <= 1 + 1e-9 for height in heights)
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    for below, above in pairwise(order):
        assert heights[above] - heights[below] >= 0.1 - 1e-9
    if all(abs(a - b) > 0.1 for a, b in combinations(wanted, 2)):
        assert heights == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("labels", "shared"),
    [
        (["top_p seed=0", "top_p seed=1"], "top_p"),
        (["beam(num_beams=8, length_penalty=1) s seed=0", "beam(num_beams=8, length_penalty=1) s seed=1"], None),
        (["a", "b"], "a"),
        (["only"], "only"),
    ],
)
def test_common_words(labels: Sequence[str], shared: str | None) -> None:
    assert common(labels) == (shared or "beam(num_beams=8, length_penalty=1) s")


def test_seeds_are_one_series_and_models_are_panels(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, sweeps.SIX, models=("s", "m"), seeds=(0, 1, 2), prompts=1))
    made = panels(sweep.jobs, sweep.references)
    assert [panel.title for panel in made] == ["s", "m"]
    for panel in made:
        assert [series.label for series in panel.series] == list(sweeps.SIX)
        assert {len(series.jobs) for series in panel.series} == {3}
    assert [series.look for series in made[0].series] == [series.look for series in made[1].series]
    assert len({series.look for series in made[0].series}) == 6


def test_looks_differ_in_more_than_colour() -> None:
    looks = [style.look(index) for index in range(25)]
    assert len({(look.marker, look.colour) for look in looks}) == 25
    assert len({look.marker for look in looks[:7]}) == len({look.colour for look in looks[:7]}) == 7


@pytest.mark.parametrize(
    ("strategies", "found"),
    [
        (sweeps.GRID, "temperature"),
        (dict(list(sweeps.GRID.items())[:2]), None),  # two values are no curve
        (sweeps.SIX, None),
        ({f"top_p({x})": (0.5, {"top_p": x, "top_k": x}) for x in (1, 2, 3)}, None),  # two knobs
        ({f"a({x})": (0.5, {"name": x}) for x in ("x", "y", "z")}, None),
        ({f"a({x})": (0.5, {"flag": x}) for x in (True, False)}, None),
    ],
)
def test_the_knob_that_turns(tmp_path: Path, strategies: Any, found: str | None) -> None:
    turning = turns(read_sweep(sweeps.sweep(tmp_path, strategies, prompts=1)).jobs)
    assert [turn.knob for turn in turning] == ([found] if found else [])
    assert all(turn.values() == sorted(knobs[turn.knob] for _, knobs in strategies.values()) for turn in turning)


def test_every_knob_that_turns_has_lines_of_its_own(tmp_path: Path) -> None:
    """Temperature under two nuclei and by itself, a nucleus under three temperatures, beside what turns nothing."""
    grid: dict[str, tuple[float, dict[str, Any]]] = {
        f"top_p({t}, {p})": (t, {"temperature": t, "top_p": p}) for t in (0.1, 0.5, 0.9) for p in (0.5, 0.8)
    }
    grid |= {f"top_p(0.5, {p})": (0.5, {"temperature": 0.5, "top_p": p}) for p in (0.9, 0.99)}
    plain: dict[str, tuple[float, dict[str, Any]]] = {
        f"temperature({t})": (t, {"temperature": t}) for t in (0.1, 0.5, 0.9)
    }
    sweep = read_sweep(sweeps.sweep(tmp_path, {**sweeps.ONE, **grid, **plain}, seeds=(0, 1), prompts=1))
    temperature, top_p = turns(sweep.jobs)
    assert [len(line) for line in temperature.lines] == [6, 6, 6]  # three values, two seeds
    assert [temperature.name(line) for line in temperature.lines] == [
        "top_p top_p=0.5",
        "top_p top_p=0.8",
        "temperature",
    ]
    assert (top_p.knob, top_p.values(), len(top_p.lines)) == ("top_p", [0.5, 0.8, 0.9, 0.99], 1)
    with style.styled():
        figure = knob.draw(sweep.jobs, sweep.references)
    assert figure
    assert [axes.get_xlabel() for axes in figure.axes] == ["temperature"] * 4 + ["top_p"] * 4


@pytest.mark.parametrize("values", [(0, 1, math.inf), (0.001, 0.1, 10, 1000), (1, 2, 3)])
def test_the_knob_is_drawn_where_it_can_be_read(tmp_path: Path, values: tuple[float, ...]) -> None:
    strategies = {f"temperature({v})": (min(1.0, v), {"temperature": float(v)}) for v in values}
    sweep = read_sweep(sweeps.sweep(tmp_path, strategies, prompts=2))
    with style.styled():
        figure = knob.draw(sweep.jobs, sweep.references)
        assert figure
        figure.draw_without_rendering()
    x = figure.axes[0].lines[0].get_xdata()
    assert np.isfinite(np.asarray(x, dtype=float)).all()
    assert np.ptp(np.diff(np.asarray(x, dtype=float))) < 1e-9  # evenly spaced, or the values themselves
    shown = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert shown == [f"{v:g}" for v in values]


def test_texts_in_labels_are_no_mathematics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "DRAWINGS", figures.DRAWINGS[:3])
    odd: dict[str, tuple[float, dict[str, Any]]] = {"$\\frac{$": (0.3, {}), "_hidden": (0.6, {}), "a\nb\x00": (0.9, {})}
    assert drawn(tmp_path, strategies=odd, prompts=2) == ["plane", "perplexity", "repetition"]
