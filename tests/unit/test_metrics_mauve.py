from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from harness import api
from harness.errors import InputError
from harness.metrics import mauve
from harness.metrics.base import Corpus, Tools
from harness.metrics.mauve import Mauve, area, histograms
from harness.prompts import Prompt
from harness.signature import parse
from tests.corpora import corpus, golden
from tests.table_model import table_model

Features = NDArray[np.float32]
COUNTS = st.lists(st.integers(0, 9), min_size=2, max_size=12).filter(any)


def shares(counts: Sequence[float]) -> NDArray[np.float64]:
    weights = np.asarray(counts, dtype=np.float64)
    return np.asarray(weights / weights.sum())


def drawn(n: int, d: int, shift: float = 0.0, seed: int = 0) -> Features:
    return (np.random.RandomState(seed).randn(n, d) + shift).astype(np.float32)


def tools(features: Features, n: int, generations: Features | None = None) -> Tools:
    """References of n texts with the first features, anything else with the second."""
    references = corpus([[1, 2, 3]] * n, ends=["reference"] * n)

    def of(texts: Corpus) -> Features:
        return features if texts.ends[:1] == ["reference"] or generations is None else generations

    return Tools(references, of, "test/last")


def test_published_histograms_and_the_true_value_of_the_tie() -> None:
    for case in json.loads(golden("mauve.json").read_text())["hist_cases"]:
        expected = 1.0 if case["p"] == case["q"] else case["mauve"]  # 0.75 is mauve-text's bug
        assert area(shares(case["p"]), shares(case["q"])) == pytest.approx(expected, abs=1e-9)


@given(COUNTS)
def test_equal_histograms_score_one(counts: list[int]) -> None:
    p = shares(counts)
    assert area(p, p.copy()) == pytest.approx(1.0, abs=1e-9)


@given(st.integers(2, 12).flatmap(lambda k: st.tuples(*[st.lists(st.integers(0, 9), min_size=k, max_size=k)] * 2)))
def test_the_area_is_the_packages_with_ties_in_the_curves_order(both: tuple[list[int], list[int]]) -> None:
    package = pytest.importorskip("mauve.compute_mauve", reason="needs the extra mauve")
    if not any(both[0]) or not any(both[1]):
        return
    p, q = shares(both[0]), shares(both[1])
    curve = package.get_divergence_curve_for_multinomials(p, q, np.linspace(1e-6, 1 - 1e-6, 25), 5)
    x, y = curve[::-1].T  # x rises, y falls
    expected = (trapezoid(y, x) + trapezoid(x[::-1], y[::-1])) / 2
    assert area(p, q) == pytest.approx(expected, abs=1e-9)
    assert area(p, q) == pytest.approx(area(q, p), abs=1e-9)
    assert 0 < area(p, q) <= 1


@pytest.mark.parametrize("case", range(6))
def test_published_features_with_the_packages_own_seed(case: int) -> None:
    pytest.importorskip("mauve", reason="needs the extra mauve")
    given = json.loads(golden("mauve.json").read_text())["cases"][case]
    n, d = given["n"], given["d"]
    found = tools(drawn(n, d), n, drawn(n, d, given["shift"], seed=1))
    (score,) = Mauve(seeds=1, min_texts=10)(corpus([[1, 2, 3]] * n), found)
    assert score.value == pytest.approx(given["mauve"], abs=1e-6)
    assert parse(score.signature)["buckets"] == str(given["num_buckets"])
    assert parse(score.signature)["features"] == "test/last"


@pytest.fixture
def _installed() -> None:
    pytest.importorskip("mauve", reason="needs the extra mauve")


@pytest.mark.usefixtures("_installed")
class TestMetric:
    def test_it_is_the_mean_over_seeds_and_says_how_they_spread(self) -> None:
        p, q = drawn(60, 8), drawn(60, 8, 0.5, seed=1)
        singles = [area(*histograms(p, q, 6, seed)) for seed in (25, 26, 27)]
        (score,) = Mauve(min_texts=10)(corpus([[1, 2, 3]] * 60), tools(p, 60, q))
        assert score.value == pytest.approx(np.mean(singles))
        assert score.better == "high"
        assert score.stats is None
        assert f"{min(singles):.3f} to {max(singles):.3f}" in score.notes[-1]
        assert "below 1,000 texts" in score.notes[0]

    @pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # sklearn's share of no variance
    def test_features_that_are_all_equal_score_one(self) -> None:
        same = np.ones((20, 4), dtype=np.float32)
        assert Mauve(seeds=1, min_texts=10)(corpus([[1]] * 20), tools(same, 20))[0].value == pytest.approx(1.0)

    def test_texts_far_apart_score_near_zero(self) -> None:
        far = tools(drawn(40, 4, 9), 40, drawn(40, 4, -9))
        assert Mauve(seeds=1, min_texts=10)(corpus([[1]] * 40), far)[0].value < 0.01

    def test_unequal_lengths_and_empty_texts_are_noted_and_counted(self) -> None:
        seen: list[int] = []
        references = corpus([[1] * 20] * 20, ends=["reference"] * 20)

        def features(texts: Corpus) -> Features:
            seen.append(len(texts.texts))
            return drawn(len(texts.texts), 4)

        (score,) = Mauve(seeds=1, min_texts=10)(corpus([[]] * 3 + [[1] * 20] * 17), Tools(references, features))
        assert seen == [20, 20]
        assert "17.0 tokens on average, 20.0 in the references" in score.notes[1]
        assert score.notes[2] == "3 empty texts are counted"

    def test_max_tokens_cuts_both_sides(self) -> None:
        seen: list[Corpus] = []
        references = corpus([[1] * 20] * 20, ends=["reference"] * 20)

        def features(texts: Corpus) -> Features:
            seen.append(texts)
            return drawn(len(texts.texts), 4)

        def decode(tokens: Sequence[int]) -> str:
            return "cut" * len(tokens)

        found = Tools(references, features, decode=decode)
        (score,) = Mauve(seeds=1, min_texts=10, max_tokens=2)(corpus([[1], [1] * 9] * 10), found)
        assert [len(t) for t in seen[0].ids("the test")] == [2] * 20
        assert seen[0].texts[0] == "cutcut"
        assert list(seen[1].texts[:2]) == ["b", "cutcut"]  # a text that is short enough stays as it is
        assert [len(v) for v in seen[1].values["logprob"][:2]] == [1, 2]
        assert parse(score.signature)["cut"] == "2"
        with pytest.raises(InputError, match="max_tokens"):
            Mauve(min_texts=10, max_tokens=2)(corpus([[1]] * 20), Tools(references, features))

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
        self, metric: Callable[[], Mauve], texts: int, found: Callable[[], Tools], why: str
    ) -> None:
        (score,) = metric()(corpus([[1]] * texts), found())
        assert np.isnan(score.value)
        assert why in score.notes[0]
        assert parse(score.signature)["name"] == "mauve"

    def test_the_references_get_no_score(self) -> None:
        found = tools(drawn(20, 4), 20)
        assert found.references is not None
        assert Mauve()(found.references, found) == []

    def test_the_clustering_is_quiet_and_stderr_comes_back_after_an_error(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        package = pytest.importorskip("mauve")
        package.compute_mauve(p_features=drawn(20, 4), q_features=drawn(20, 4), num_buckets=5)
        assert "WARNING clustering" in capfd.readouterr().err  # what there is to be quiet about
        histograms(drawn(20, 4), drawn(20, 4), 5, 25)
        with pytest.raises(RuntimeError):
            histograms(drawn(4, 4), drawn(4, 4), 500, 25)
        assert capfd.readouterr() == ("", "")
        os.write(2, b"heard")
        assert capfd.readouterr().err == "heard"

    @pytest.mark.parametrize(
        "knobs", [{"num_buckets": 1}, {"num_buckets": "many"}, {"seeds": 0}, {"scaling_factor": 0.0}]
    )
    def test_knobs_out_of_range_are_refused(self, knobs: dict[str, Any]) -> None:
        with pytest.raises(InputError, match=next(iter(knobs))):
            Mauve(**knobs)

    def test_building_it_imports_nothing_slow(self) -> None:
        code = (
            "import sys; from harness.metrics.mauve import Mauve; Mauve();"
            "sys.exit(bool({'mauve', 'faiss', 'sklearn', 'scipy', 'torch', 'pandas'} & sys.modules.keys()))"
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


@pytest.mark.parametrize("missing", ["mauve", "faiss", "sklearn", "threadpoolctl"])
def test_without_a_package_the_note_says_what_to_install(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)  # as Python itself marks a module that cannot be imported
    (score,) = Mauve()(corpus([[1, 2, 3]] * 200), unasked(200))
    assert np.isnan(score.value)
    assert score.notes == ("no MAUVE: pip install 'decoding-harness[mauve]'",)
    assert {parse(score.signature)[field] for field in ("features", "buckets", "mauve-text")} == {"none"}


def test_the_default_metrics_go_on_without_it_and_load_no_featurizer(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(node: Any) -> None:
        raise AssertionError("the featurizer was loaded")

    monkeypatch.setitem(sys.modules, "mauve", None)
    monkeypatch.setattr("harness.featurizer.load", load)
    model, prompts = table_model(), [Prompt(str(i), "a" * (i + 1), "bcdeabcd") for i in range(120)]
    scores = api.score(api.decode(model, prompts, ["greedy"], max_new_tokens=8), api.references(model, prompts, 8))
    values = scores[scores["strategy"] == "greedy"].set_index("score")
    assert values["value"].isna()["mauve"]
    assert values.loc["mauve", "notes"] == ("no MAUVE: pip install 'decoding-harness[mauve]'",)
    assert values["value"].drop("mauve").notna().all()
    assert len(values) > len(api.METRICS)


def test_a_folder_that_is_called_mauve_is_no_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mauve").mkdir()
    for name in ("mauve", "faiss", "sklearn", "threadpoolctl"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        (tmp_path / f"{name}.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert mauve.installed()
    (tmp_path / "mauve.py").unlink()
    importlib.invalidate_caches()
    assert not mauve.installed()


@pytest.mark.usefixtures("_installed")
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
