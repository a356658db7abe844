"""What leads a column: the best row, and what a valid test does not tell from it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from harness.evidence import Evidence, evidence
from harness.metrics.base import Better, combined, mean_of
from harness.report.leading import leading, worse
from harness.report.tables import distances
from harness.results import ScoreRecord

Row = tuple[ScoreRecord, Evidence]
ALPHA = 0.05


def row(items: NDArray[np.float64], better: Better, references: NDArray[np.float64] | None = None) -> Row:
    """A mean over prompts, and its gap to the references of these prompts with a normal interval."""
    score = mean_of("x", items, better, "x|v:1")
    found = evidence(score, [f"p{i}" for i in range(len(items))])
    assert found is not None
    record = ScoreRecord.of(score)
    if references is not None:
        gaps = items - references
        reach = 1.96 * float(gaps.std(ddof=1)) / math.sqrt(len(gaps))
        gap = float(gaps.mean())
        record = replace(record, reference=0.0, gap=gap, gap_low=gap - reach, gap_high=gap + reach)
    return record, found


def leads(rows: list[Row]) -> list[bool]:
    scores = [score for score, _ in rows]
    return leading(distances(scores), scores, [found for _, found in rows], ALPHA)


def test_a_clear_difference_leaves_a_row_out_and_chance_does_not() -> None:
    rng = np.random.default_rng(0)
    common = rng.normal(size=100)
    rows = [common + shift + 0.3 * rng.normal(size=100) for shift in (0.0, 0.02, 0.5)]
    assert leads([row(each, "low") for each in rows]) == [True, True, False]
    assert leads([row(each, "high") for each in rows]) == [False, False, True]


def test_pairing_tells_what_intervals_do_not() -> None:
    rng = np.random.default_rng(0)
    common = 10 * rng.normal(size=50)
    rows = [row(common + shift + 0.1 * rng.normal(size=50), "low") for shift in (0.0, 1.0)]
    assert leads(rows) == [True, False]


def test_the_p_value_is_that_of_the_paired_t_test() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=40), rng.normal(size=40) - 0.3
    one, other = row(a, "low"), row(b, "low")
    expected = scipy_stats.ttest_rel(a, b, alternative="greater").pvalue
    assert worse(one[0], one[1], other[0], other[1]) == pytest.approx(expected)


def test_rows_on_either_side_of_the_references_are_compared_by_how_far_they_are() -> None:
    rng = np.random.default_rng(2)
    references = rng.normal(size=200)
    rows = [
        row(references + gap + 0.2 * rng.normal(size=200), "reference", references) for gap in (0.3, -0.3, -0.9, 0.9)
    ]
    assert leads(rows) == [True, True, False, False]


def test_a_cut_that_moves_the_difference_leaves_the_paired_test_of_whole_texts_out() -> None:
    rng = np.random.default_rng(3)
    references = rng.normal(size=100)
    near, far = (row(references + gap + 0.1 * rng.normal(size=100), "reference", references) for gap in (0.1, 0.2))
    assert leads([near, far]) == [True, False]
    # Whole texts differ as much as before, but at equal lengths both gaps are known to 0.5 only, and much closer.
    wide = [
        replace(score, gap=gap, gap_low=gap - 0.5, gap_high=gap + 0.5) for (score, _), gap in ((near, 0.1), (far, 0.12))
    ]
    assert leads([(score, found) for score, (_, found) in zip(wide, (near, far), strict=True)]) == [True, True]


def test_what_cannot_be_tested_does_not_lead() -> None:
    rng = np.random.default_rng(4)
    (score, found), (other, _) = (row(rng.normal(size=30), "low") for _ in range(2))
    best = replace(score, value=other.value - 1)
    assert leading([best.value, other.value], [best, other], [found, None], ALPHA) == [True, False]
    without_interval = replace(other, better="reference", gap=0.2)
    closest = replace(best, better="reference", gap=0.1)
    assert leading([0.1, 0.2], [closest, without_interval], [found, found], ALPHA) == [True, False]


def test_rows_without_a_value_are_no_rows() -> None:
    rows = [row(np.array([1.0, 2.0, 1.5]), "low"), row(np.array([1.0, 2.0, 1.5]), "low")]
    scores, found = [rows[0][0], None, rows[1][0]], [rows[0][1], None, rows[1][1]]
    assert leading([1.5, math.nan, 1.5], scores, found, ALPHA) == [True, False, True]
    assert leading([math.nan, math.nan], [None, None], [None, None], ALPHA) == [False, False]
    assert leading([], [], [], ALPHA) == []


def test_equal_texts_lead_together() -> None:
    items = np.zeros(30)
    assert leads([row(items, "low"), row(items.copy(), "low")]) == [True, True]


@pytest.mark.parametrize("better", ["low", "reference"])
def test_the_truly_best_row_leads_as_often_as_it_is_said_to(better: Better) -> None:
    """The first of six rows is the best by nothing: the hardest case, in which every other row is as good."""
    rng = np.random.default_rng(5)
    missed, times, prompts = 0, 400, 40
    for _ in range(times):
        common = rng.normal(size=prompts)
        rows = []
        for side in (1, -1, 1, -1, 1, 1):
            shift = 0.5 * side if better == "reference" else 0.0
            items = common + shift + rng.normal(size=prompts)
            rows.append(row(items, better, common if better == "reference" else None))
        missed += not leads(rows)[0]
    assert missed / times < ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / times)


@pytest.mark.parametrize("kind", ["exp-ratio", "complements", "share"])
def test_every_kind_of_number_is_tested(kind: str) -> None:
    rng = np.random.default_rng(6)
    ids = [f"p{i}" for i in range(80)]
    rows = []
    for chance in (0.1, 0.6):
        ones = (rng.random((80, 3)) < chance).astype(float)
        stats = np.stack([ones[:, 0], np.ones(80)], axis=1)
        if kind == "complements":
            stats = np.stack([ones, np.ones((80, 3))], axis=2).reshape(80, 6)
        score = combined("x", stats, kind, "low" if kind != "complements" else "high", "x|v:1")  # type: ignore[arg-type]
        found = evidence(score, ids)
        assert found is not None
        rows.append((ScoreRecord.of(score), found))
    assert leads(rows) == [True, False]


def test_rows_of_the_same_texts_are_one_row() -> None:
    """Bonferroni counts texts, not rows: copies of the best leave another row no better chance to lead."""
    rng = np.random.default_rng(7)
    common = rng.normal(size=40)
    best, other = (row(common + shift + 0.5 * rng.normal(size=40), "low") for shift in (0.0, 0.26))
    p = worse(*other, *best)
    assert ALPHA / 3 < p < ALPHA  # or the example shows nothing
    rows = [best, best, other, best]
    scores, given = [score for score, _ in rows], [found for _, found in rows]
    assert leading(distances(scores), scores, given, ALPHA) == [True, True, True, True]
    assert leading(distances(scores), scores, given, ALPHA, (0, 0, 2, 0)) == [True, True, False, True]
