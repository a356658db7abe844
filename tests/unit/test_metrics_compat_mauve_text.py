from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.errors import InputError
from harness.metrics.base import Corpus, Tools
from harness.metrics.compat import mauve_text
from harness.metrics.mauve import Mauve
from harness.signature import parse
from tests.corpora import corpus, golden

COUNTS = st.integers(2, 12).flatmap(
    lambda k: st.tuples(*[st.lists(st.integers(0, 9), min_size=k, max_size=k).filter(any)] * 2)
)


def shares(counts: Sequence[float]) -> NDArray[np.float64]:
    return np.asarray(np.array(counts, dtype=np.float64) / np.sum(counts))


def test_published_histograms_with_the_tie_that_is_not_one() -> None:
    cases = json.loads(golden("mauve.json").read_text())["hist_cases"]
    for case in cases:
        assert mauve_text.area(shares(case["p"]), shares(case["q"])) == pytest.approx(case["mauve"], abs=1e-9)
    assert any(case["p"] == case["q"] and case["mauve"] < 0.8 for case in cases)


@given(COUNTS)
def test_it_is_the_packages_own_area(both: tuple[list[int], list[int]]) -> None:
    package = pytest.importorskip("mauve.compute_mauve", reason="needs the extra mauve")
    p, q = shares(both[0]), shares(both[1])
    x, y = package.get_divergence_curve_for_multinomials(p, q, np.linspace(1e-6, 1 - 1e-6, 25), 5).T
    by_x, by_y = np.argsort(x), np.argsort(y)
    auc = package.compute_area_under_curve
    expected = (auc(x[by_x], y[by_x]) + auc(y[by_y], x[by_y])) / 2
    assert mauve_text.area(p, q) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("case", range(6))
def test_published_features(case: int) -> None:
    pytest.importorskip("faiss", reason="needs the extra mauve")
    given = json.loads(golden("mauve.json").read_text())["cases"][case]
    n, d = given["n"], given["d"]
    p = np.random.RandomState(0).randn(n, d).astype(np.float32)
    q = (np.random.RandomState(1).randn(n, d) + given["shift"]).astype(np.float32)
    assert mauve_text.mauve(p, q) == pytest.approx(given["mauve"], abs=1e-6)
    assert mauve_text.mauve(p, q, given["num_buckets"]) == mauve_text.mauve(p, q)


def test_it_is_the_packages_number() -> None:
    package = pytest.importorskip("mauve", reason="needs the extra mauve")
    rng = np.random.default_rng(0)
    p, q = rng.normal(size=(60, 5)).astype(np.float32), rng.normal(0.3, size=(40, 5)).astype(np.float32)
    expected = package.compute_mauve(p_features=p, q_features=q, num_buckets=7, mauve_scaling_factor=2).mauve
    assert mauve_text.mauve(p, q, 7, 2.0) == pytest.approx(expected, abs=1e-9)


def drawn(n: int, shift: float, seed: int) -> NDArray[np.float32]:
    return (np.random.RandomState(seed).randn(n, 8) + shift).astype(np.float32)


def test_the_metric_drops_empty_texts_and_keeps_the_order() -> None:
    package = pytest.importorskip("mauve", reason="needs the extra mauve")
    p, q = drawn(60, 0, 0), drawn(60, 0.5, 1)
    references = corpus(texts=["r"] * 60, ends=["reference"] * 60)
    texts = corpus(texts=["", *["g"] * 58, ""])

    def features(given: Corpus) -> NDArray[np.float32]:
        assert all(given.texts)
        return p if given is references else q[1:-1]

    metric = Mauve(compat="mauve_text", min_texts=10)
    (score,) = metric(texts, Tools(references, features, "test"))
    assert score.value == pytest.approx(package.compute_mauve(p_features=p, q_features=q[1:-1]).mauve, abs=1e-9)
    said = parse(score.signature)
    assert (said["compat"], said["seeds"], said["buckets"], said["texts"]) == ("mauve_text", "1", "6", "58")
    assert score.stats is score.left_out is None
    assert metric(references, Tools(references, features, "test")) == []


def test_knobs_that_the_package_has_may_be_set_and_others_not() -> None:
    Mauve(compat="mauve_text", num_buckets=7, scaling_factor=2, seeds=1, splits=0)
    with pytest.raises(InputError, match=r"metrics\.mauve\.seeds=2.*compat=mauve_text"):
        Mauve(compat="mauve_text", seeds=2)
