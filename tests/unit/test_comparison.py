"""The comparison of the Python API shows itself."""

from __future__ import annotations

import copy
import pickle
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

import harness
from harness.comparison import Comparison
from harness.errors import InputError
from harness.report import axes, writers
from harness.report.tables import tabulate
from harness.results import read_sweep
from tests import sweeps

mpl.use("agg")

Scores = pd.DataFrame


@pytest.fixture(scope="module")
def scores() -> Scores:
    """Of two strategies that write words at random, one of them from a third of the words, and of references."""
    rng = np.random.default_rng(0)
    ids = [f"p{i}" for i in range(40)]

    def texts(words: int) -> list[str]:
        return [" ".join(f"w{w}" for w in rng.integers(words, size=30)) for _ in ids]

    frames = [
        pd.DataFrame({"strategy": label, "prompt_id": ids, "text": texts(n)})
        for label, n in (("few", 20), ("many", 60))
    ]
    references = pd.DataFrame({"prompt_id": ids, "text": texts(58)})
    metrics = [harness.load_metric(name, unit="words") for name in ("diversity", "repetition")]
    return harness.score(pd.concat(frames), references, metrics)


def test_it_is_a_frame(scores: Scores) -> None:
    found = harness.compare(scores)
    assert isinstance(found, pd.DataFrame)
    assert isinstance(found, Comparison)
    assert found.loc["few", "diversity"] == scores["value"].iloc[0]
    for plain in (found.loc[["few"]], found * 2, found.T, found.copy(), found.sort_values("diversity")):
        assert type(plain) is pd.DataFrame


def test_a_notebook_shows_intervals_bold_print_and_marks(scores: Scores) -> None:
    html = harness.compare(scores)._repr_html_()
    row = scores[(scores["strategy"] == "many") & (scores["score"] == "diversity")].iloc[0]
    assert f"<strong>{row['value']:.3f}</strong>† <small>({row['low']:.3f}–{row['high']:.3f})</small>" in html
    assert f'title="{row["signature"]}"' in html
    assert "<th><em>reference</em></th>" in html
    assert "differs from few, paired over prompts" in html


def test_the_baseline_can_be_chosen(scores: Scores) -> None:
    assert "differs from many" in harness.compare(scores, baseline="many")._repr_html_()
    with pytest.raises(InputError, match=r"^baseline='all': there is no such strategy in scores; there are few, many$"):
        harness.compare(scores, baseline="all")


def test_it_is_the_table_of_a_report(tmp_path: Path) -> None:
    """The frame that a sweep's scores make shows what its report shows."""
    sweep = read_sweep(sweeps.sweep(tmp_path, sweeps.SIX, prompts=12))
    rows = [(job.label, score) for job in sweep.jobs for score in job.scores]
    rows += [("reference", score) for score in sweep.references[0].scores]
    columns = ("value", "low", "high", "better", "reference", "gap", "signature", "method", "notes")
    frame = pd.DataFrame(
        [{"strategy": label, "score": s.name} | {c: getattr(s, c) for c in columns} for label, s in rows]
    )
    frame.attrs["evidence"] = {job.label: job.evidence for job in sweep.jobs}
    expected = writers.to_html(tabulate(sweep.jobs, sweep.references))
    assert harness.compare(frame)._repr_html_() == expected
    assert "†" in expected


def test_values_without_intervals_and_tests_show_themselves(scores: Scores) -> None:
    alone = scores[["strategy", "score", "value"]]
    found = harness.compare(alone)
    assert "<strong>" not in found._repr_html_()
    assert "few" in found._repr_html_()
    with pytest.raises(InputError, match=r"^scores: without the columns better and signature there are values alone"):
        _ = found.table
    kept = scores.copy()
    kept.attrs = {}  # what resampling takes, which a frame made of several has lost
    untested = harness.compare(kept)
    assert "†" not in untested._repr_html_()
    assert "<small>" in untested._repr_html_()


def test_values_that_were_changed_are_shown_as_they_are(scores: Scores) -> None:
    found = harness.compare(scores)
    found.loc["few", "diversity"] = 0.123456
    assert "0.123456" in found._repr_html_()


def test_it_survives_copies_pickles_and_strict_warnings(scores: Scores) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = harness.compare(scores)
        again = pickle.loads(pickle.dumps(found))
        assert again._repr_html_() == found._repr_html_()
        assert copy.copy(found).equals(found)


def test_the_plane_is_drawn_on_axes() -> None:
    prompts = harness.load_prompts("fables", limit=3)
    model = harness.load_model("pocket-s")
    generations = harness.decode(model, prompts, ["greedy", "top_p"], max_new_tokens=8)
    references = harness.references(model, prompts, 8)
    found = harness.compare(harness.score(generations, references, ["perplexity", "diversity"]))
    drawn = found.plane()
    assert isinstance(drawn, Axes)
    assert {"greedy", "top_p", "reference"} <= {text.get_text() for text in drawn.texts}
    figure = mpl.figure.Figure()
    mine = figure.add_subplot()
    assert found.plane(axes=mine) is mine


def test_figures_of_texts_say_that_there_are_none(scores: Scores) -> None:
    found = harness.compare(scores)
    with pytest.raises(InputError, match="jobs: they hold no texts"):
        axes.repetition(found.jobs, found.references)


def test_without_perplexity_there_is_no_plane(scores: Scores) -> None:
    with pytest.raises(InputError, match="perplexity"):
        harness.compare(scores).plane()
