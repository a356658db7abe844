"""Where there is no MAUVE: what is missing, what is refused, and that nothing slow happens for nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness import api
from harness.errors import InputError
from harness.metrics.base import Corpus, Tools
from harness.metrics.mauve import Mauve
from harness.prompts import Prompt
from harness.signature import parse
from tests.clouds import Features, drawn, needs, tools
from tests.corpora import corpus
from tests.table_model import table_model

Vectors = Callable[[Corpus], Features]


@needs
@pytest.mark.parametrize(
    ("metric", "texts", "found", "why"),
    [
        (Mauve, 20, lambda: Tools(None), "no references"),
        (Mauve, 20, lambda: Tools(corpus([[1]] * 20)), "no features"),
        (Mauve, 99, lambda: tools(drawn(99, 4), 200), "100 texts"),
        (lambda: Mauve(num_buckets=500, min_texts=10), 20, lambda: tools(drawn(20, 4), 20), "500 buckets"),
        (lambda: Mauve(min_texts=10), 20, lambda: tools(np.full((20, 4), np.nan, np.float32), 20), "not finite"),
    ],
)
def test_where_there_is_nothing_to_compare_the_note_says_why(
    metric: Callable[[], Mauve], texts: int, found: Callable[[], Tools], why: str
) -> None:
    (score,) = metric()(corpus([[1]] * texts), found())
    assert np.isnan(score.value)
    assert why in score.notes[0]
    assert parse(score.signature)["name"] == "mauve"


@pytest.mark.parametrize(
    "knobs", [{"num_buckets": 1}, {"num_buckets": "many"}, {"seeds": 0}, {"splits": -1}, {"scaling_factor": 0.0}]
)
def test_knobs_out_of_range_are_refused(knobs: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(knobs))):
        Mauve(**knobs)


def test_building_it_imports_nothing_slow() -> None:
    code = (
        "import sys; from harness.metrics.mauve import Mauve; Mauve();"
        "sys.exit(bool({'faiss', 'sklearn', 'scipy', 'torch', 'pandas'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class Unasked:
    """Features that must not be computed, nor named: either would load their model."""

    @property
    def signature(self) -> str:
        raise AssertionError("the features were named")

    def __call__(self, texts: Corpus) -> Features:
        raise AssertionError("the features were computed")


def unasked(n: int) -> Tools:
    return Tools(corpus([[1, 2, 3]] * n, ends=["reference"] * n), Unasked())


@pytest.mark.parametrize("missing", ["faiss", "sklearn", "threadpoolctl"])
def test_without_a_package_the_note_says_what_to_install(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)  # as Python itself marks a module that cannot be imported
    (score,) = Mauve()(corpus([[1, 2, 3]] * 200), unasked(200))
    assert np.isnan(score.value)
    assert score.notes == ("no MAUVE: pip install 'decoding-harness[mauve]'",)
    assert {parse(score.signature)[field] for field in ("features", "buckets", "clusters")} == {"none"}


def test_the_default_metrics_go_on_without_it_and_load_no_featurizer(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(node: Any) -> None:
        raise AssertionError("the featurizer was loaded")

    monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.setattr("harness.featurizer.load", load)
    model, prompts = table_model(), [Prompt(str(i), "a" * (i + 1), "bcdeabcd") for i in range(120)]
    scores = api.score(api.decode(model, prompts, ["greedy"], max_new_tokens=8), api.references(model, prompts, 8))
    values = scores[scores["strategy"] == "greedy"].set_index("score")
    assert values["value"].isna()["mauve"]
    assert values.loc["mauve", "notes"] == ("no MAUVE: pip install 'decoding-harness[mauve]'",)
    assert values.loc[["rep-4", "distinct-2", "perplexity", "length"], "value"].notna().all()
    assert len(values) > len(api.METRICS)


@needs
@pytest.mark.parametrize(
    ("metric", "texts", "references", "why"),
    [(Mauve(), 99, 200, "100 texts"), (Mauve(num_buckets=500), 100, 100, "500 buckets are too many")],
)
def test_the_features_are_asked_for_only_where_there_will_be_a_number(
    metric: Mauve, texts: int, references: int, why: str
) -> None:
    (score,) = metric(corpus([[1, 2, 3]] * texts), unasked(references))
    assert why in score.notes[0]
    assert parse(score.signature)["features"] == "none"
    with pytest.raises(AssertionError, match="the features were computed"):
        Mauve()(corpus([[1, 2, 3]] * 100), unasked(100))
