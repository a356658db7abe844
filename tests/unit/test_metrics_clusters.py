from __future__ import annotations

import importlib
import json
import sys
import warnings
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.metrics import clusters
from harness.metrics.clusters import labels
from harness.metrics.divergence import SMOOTHING, area, frontier_integral, shares
from tests.corpora import golden

Features = NDArray[np.float32]

needs = pytest.mark.skipif(not clusters.installed(), reason="needs the extra mauve")


def drawn(n: int, d: int, shift: float = 0.0, seed: int = 0) -> Features:
    return (np.random.RandomState(seed).randn(n, d) + shift).astype(np.float32)


def counts(p: Features, q: Features, buckets: int, seed: int = 25) -> list[NDArray[np.float64]]:
    found = labels(p, q, buckets, seed)
    return [np.bincount(side, minlength=buckets).astype(np.float64) for side in found]


@needs
@pytest.mark.parametrize("case", range(6))
def test_published_features(case: int) -> None:
    given = json.loads(golden("mauve.json").read_text())["cases"][case]
    n, d = given["n"], given["d"]
    p, q = counts(drawn(n, d), drawn(n, d, given["shift"], seed=1), given["num_buckets"])
    if given["p_hist"] is not None:
        assert shares(p).tolist() == given["p_hist"]
        assert shares(q).tolist() == given["q_hist"]
    assert area(shares(p), shares(q)) == pytest.approx(given["mauve"], abs=1e-6)
    assert area(shares(p, SMOOTHING), shares(q, SMOOTHING)) == pytest.approx(given["mauve_star"], abs=1e-6)
    assert frontier_integral(shares(p), shares(q)) == pytest.approx(given["frontier_integral"], abs=1e-6)


@needs
@pytest.mark.parametrize(
    ("p", "q", "buckets", "seed"),
    [
        (drawn(60, 8), drawn(40, 8, 0.5, 1), 6, 25),
        (drawn(200, 64), drawn(200, 64, 0.2, 1), 20, 26),
        (drawn(30, 200), drawn(90, 200, 0.1, 1), 2, 0),
        (drawn(20, 1), drawn(20, 1, 0.3, 1), 3, 7),
        (np.repeat(drawn(5, 4), 8, axis=0), drawn(40, 4, 0.3, 1), 8, 27),
        (drawn(900, 4), drawn(900, 4, 0.3, 1), 2, 25),  # faiss clusters 256 texts a bucket, and says so
    ],
)
def test_the_histograms_are_the_packages_to_the_bit(p: Features, q: Features, buckets: int, seed: int) -> None:
    package = pytest.importorskip("mauve", reason="needs mauve-text")
    with pytest.importorskip("threadpoolctl").threadpool_limits(1):  # several threads give the same and may take long
        found = package.compute_mauve(p_features=p, q_features=q, num_buckets=buckets, seed=seed)
    ours = counts(p, q, buckets, seed)
    assert shares(ours[0]).tolist() == found.p_hist.tolist()
    assert shares(ours[1]).tolist() == found.q_hist.tolist()
    assert area(shares(ours[0], SMOOTHING), shares(ours[1], SMOOTHING)) == pytest.approx(found.mauve_star, abs=1e-12)
    assert frontier_integral(*map(shares, ours)) == pytest.approx(found.frontier_integral, abs=1e-12)


@needs
def test_the_number_of_threads_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    p, q = drawn(150, 96), drawn(150, 96, 0.2, 1)
    one = np.concatenate(labels(p, q, 15, 25)).tolist()
    monkeypatch.setattr("threadpoolctl.threadpool_limits", lambda threads: nullcontext())
    assert np.concatenate(labels(p, q, 15, 25)).tolist() == one


@needs
def test_it_is_quiet_where_the_package_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    package = pytest.importorskip("mauve", reason="needs mauve-text")
    package.compute_mauve(p_features=drawn(20, 4), q_features=drawn(20, 4), num_buckets=5)
    assert "WARNING clustering" in capfd.readouterr().err  # what there is to be quiet about
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        labels(drawn(20, 4), drawn(20, 4), 5, 25)
        labels(np.ones((20, 4), np.float32), np.ones((20, 4), np.float32), 2, 25)
        labels(np.zeros((5, 4), np.float32), drawn(5, 4), 10, 25)
    with pytest.raises(RuntimeError):
        labels(drawn(4, 4), drawn(4, 4), 500, 25)
    assert capfd.readouterr() == ("", "")


@needs
def test_numpys_integers_are_taken_for_buckets() -> None:
    p, q = drawn(30, 4), drawn(30, 4, 1.0)
    found, expected = labels(p, q, np.int64(4), 25), labels(p, q, 4, 25)  # type: ignore[arg-type]
    assert [side.tolist() for side in found] == [side.tolist() for side in expected]


@pytest.mark.parametrize("missing", ["faiss", "sklearn", "threadpoolctl"])
def test_it_is_there_only_with_all_it_takes(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)  # as Python itself marks a module that cannot be imported
    assert not clusters.installed()


def test_a_folder_that_is_called_faiss_is_no_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "faiss").mkdir()
    for name in ("faiss", "sklearn", "threadpoolctl"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        (tmp_path / f"{name}.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert clusters.installed()
    (tmp_path / "faiss.py").unlink()
    importlib.invalidate_caches()
    assert not clusters.installed()
