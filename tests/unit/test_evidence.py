"""What scores are resampled from: kept in a file without loss, and paired only where it can be."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from harness import stats
from harness.evidence import LEFT_OUT, Evidence, against, evidence, read_evidence, write_evidence
from harness.jackknife import groups
from harness.metrics.base import Score, combined, mean_of

IDS = [f"p{i // 2}" for i in range(60)]  # 30 prompts of two samples each


def mean(values: np.ndarray, ids: list[str] = IDS, name: str = "x") -> Evidence:
    found = evidence(mean_of(name, np.asarray(values, dtype=np.float64), "high", f"{name}|v:1"), ids)
    assert found is not None
    return found


def test_summands_are_kept_text_by_text_and_make_the_same_interval() -> None:
    values = np.random.default_rng(0).normal(size=60)
    score = mean_of("x", values, "high", "x|v:1")
    found = evidence(score, IDS)
    assert found is not None
    assert found.values.shape == (60, 2)
    assert found.values[:, 0].sum() == pytest.approx(values.sum())
    assert score.stats is not None
    assert found.interval() == stats.bootstrap(score.stats, IDS, "ratio")


def test_a_median_keeps_every_item() -> None:
    items = np.random.default_rng(0).normal(size=60)
    found = evidence(combined("m", items[:, None], "median", "reference", "m|v:1"), IDS)
    assert found is not None
    assert len(found.values) == 60
    assert found.interval().low < np.median(items) < found.interval().high


def test_nothing_can_be_said_of_a_number_alone_or_of_none() -> None:
    assert evidence(Score("x", 1.0, "high", "x"), IDS) is None
    assert evidence(Score("x", math.nan, "high", "x", left_out=np.ones(20)), IDS) is None


def test_a_file_holds_all_of_it(tmp_path: Path) -> None:
    items = np.random.default_rng(1).normal(size=60)
    left = Score("d", 0.5, "reference", "d", left_out=np.linspace(0.4, 0.6, 20), noise=0.25)
    made = [mean(items), evidence(combined("m", items[:, None], "median", "high", "m"), IDS), evidence(left, IDS)]
    kept = [each for each in made if each is not None]
    assert len(kept) == 3
    write_evidence(tmp_path, kept)
    read = read_evidence(tmp_path)
    assert list(read) == ["x", "m", "d"]
    for before in kept:
        after = read[before.score]
        assert (after.kind, after.prompts, after.noise, after.value) == (
            before.kind,
            before.prompts,
            before.noise,
            before.value,
        )
        assert after.units.tolist() == before.units.tolist()
        np.testing.assert_array_equal(after.values, before.values)
        assert after.interval() == before.interval()
    assert read["d"].kind == LEFT_OUT
    write_evidence(tmp_path, [])
    assert read_evidence(tmp_path) == {}
    assert read_evidence(tmp_path / "nowhere") == {}


def test_only_numbers_of_the_same_prompts_and_kind_are_paired() -> None:
    values = np.random.default_rng(2).normal(size=60)
    a = mean(values)
    assert a.minus(mean(values, [f"q{i}" for i in IDS])) is None
    median = evidence(combined("x", values[:, None], "median", "high", "x"), IDS)
    assert median is not None
    assert a.minus(median) is None
    same = a.minus(mean(values))
    assert same is not None
    assert (same.value, same.p) == (0.0, 1.0)


def test_one_text_a_prompt_is_compared_with_several_text_by_text() -> None:
    rng = np.random.default_rng(5)
    one, several = rng.normal(size=30), rng.normal(size=300)
    ids = [[f"p{i // k}" for i in range(30 * k)] for k in (1, 10)]
    found = mean(one, ids[0]).minus(mean(several, ids[1]))
    a, b = (np.stack([x, np.ones_like(x)], axis=1) for x in (one, several))
    assert found == stats.paired(a, b, ids[0], "ratio", clusters_b=ids[1])


def test_what_a_prompt_does_to_both_sides_cancels() -> None:
    rng = np.random.default_rng(3)
    hard = np.repeat(rng.normal(scale=10, size=30), 2)
    a, b = mean(hard + 0.5 + rng.normal(scale=0.1, size=60)), mean(hard + rng.normal(scale=0.1, size=60))
    difference = a.minus(b)
    assert difference is not None
    assert 0.4 < difference.low < 0.5 < difference.high < 0.6
    assert a.interval().high - a.interval().low > 2


def test_every_job_is_tested_against_the_baseline_with_one_correction() -> None:
    rng = np.random.default_rng(4)
    given = {
        label: {n: mean(rng.normal(shift, size=60), name=n) for n in ("x", "y")}
        for label, shift in {"a": 0.0, "b": 0.0, "c": 3.0}.items()
    }
    given["b"].pop("y")
    tests = against(given, "a")
    assert set(tests) == {("b", "x"), ("c", "x"), ("c", "y")}
    np.testing.assert_allclose([p for _, p in tests.values()], stats.holm([d.p for d, _ in tests.values()]))
    assert tests["c", "x"][1] < 0.01 < tests["b", "x"][1]


def test_groups_hold_prompts_whole_in_any_order() -> None:
    found = groups(IDS)
    assert all(found[i] == found[i + 1] for i in range(0, 60, 2))
    assert sorted(np.bincount(found[::2])) == [1] * 10 + [2] * 10
    order = np.random.default_rng(0).permutation(60)
    assert groups([IDS[i] for i in order]).tolist() == found[order].tolist()
    assert sorted(groups(["a", "b", "c"])) == [0, 1, 2]
