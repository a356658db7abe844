"""The same texts in several rows are one hypothesis."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.evidence import evidence
from harness.metrics.base import mean_of
from harness.report.alike import alike
from harness.report.tables import tabulate
from harness.results import JobResult, ScoreRecord
from harness.stats import holm
from tests import sweeps

PROMPTS = [f"prompt {i}" for i in range(40)]


def job(label: str, seed: int, mean: float = 0.0, signature: str = "job|model:m") -> JobResult:
    """A job whose texts and scores are those of its seed alone."""
    score = mean_of("x", np.random.default_rng(seed).normal(mean, size=len(PROMPTS)), "high", "x|v:1")
    found = evidence(score, PROMPTS)
    assert found is not None
    texts = sweeps.rows(0.5, PROMPTS, new=8, seed=seed)
    return JobResult(label, Path(), {}, {}, signature, texts, [ScoreRecord.of(score)], texts, None, {"x": found})


def test_texts_are_the_same_in_any_order_of_the_files() -> None:
    a, b = job("a", 0), job("b", 0)
    shuffled = replace(b, generations=b.generations.sample(frac=1, random_state=1))
    assert alike([a, shuffled, job("c", 1)]) == (0, 0, 2)


def test_a_token_makes_a_difference() -> None:
    a, b = job("a", 0), job("b", 0)
    tokens = pd.Series([np.append(t, 7) if i == 3 else t for i, t in enumerate(b.generations["tokens"])])
    assert alike([a, replace(b, generations=b.generations.assign(tokens=tokens))]) == (0, 1)
    assert alike([a, replace(b, generations=b.generations.iloc[1:])]) == (0, 1)
    assert alike([a, replace(b, generations=b.generations.assign(sample=1, text="other"))]) == (0, 0)


def test_texts_of_another_model_or_against_other_references_are_others() -> None:
    assert alike([job("a", 0), job("b", 0, signature="job|model:n")]) == (0, 1)
    assert alike([job("a", 0), job("b", 0, signature="job|model:m|seed:1|strategy:b")]) == (0, 0)
    assert alike([job("a", 0), replace(job("b", 0), reference="reference n")]) == (0, 1)


def test_what_is_not_known_is_like_nothing() -> None:
    unknown = [replace(each, generations=each.generations.iloc[:0]) for each in (job("a", 0), job("b", 0))]
    assert alike(unknown) == (0, 1)


def test_holm_counts_texts_and_not_rows() -> None:
    """Greedy under three seeds against two others: two tests, and their p-values are those of greedy once."""
    greedy, others = [job(f"greedy {i}", 0) for i in range(3)], [job("b", 1, 0.5), job("c", 2, 0.6)]
    once, thrice = tabulate([greedy[0], *others]), tabulate([*greedy, *others])
    assert (once.tests, thrice.tests) == (2, 2)
    ps = [cell.p for cell in thrice.columns[0].cells if cell]
    assert np.isnan(ps[:3]).all()
    assert ps[3:] == [cell.p for cell in once.columns[0].cells[1:] if cell]
    raw = [each.evidence["x"].minus(greedy[0].evidence["x"]) for each in others]
    assert ps[3:] == pytest.approx(holm([found.p for found in raw if found]))


def test_rows_that_are_one_have_one_p_value() -> None:
    table = tabulate([job("a", 0), job("b", 1, 0.5), job("again", 1, 0.5), job("c", 2)])
    assert table.tests == 2
    cells = table.columns[0].cells
    assert cells[1]
    assert cells[2]
    assert cells[1].p == cells[2].p
    assert (cells[1].marked, cells[1].good, cells[1].best) == (cells[2].marked, cells[2].good, cells[2].best)


def test_the_baseline_may_be_any_of_them() -> None:
    jobs = [job("a", 0), job("again", 0), job("b", 1, 0.5)]
    tables = [tabulate(jobs, baseline=label) for label in ("a", "again")]
    first, second = ([cell.p for cell in table.columns[0].cells if cell] for table in tables)
    np.testing.assert_array_equal(first, second)
    assert [table.baseline for table in tables] == ["a", "again"]


def test_a_hypothesis_alone_is_not_the_best_of_anything() -> None:
    assert not any(cell and (cell.best or cell.good) for cell in tabulate([job("a", 0), job("b", 0)]).columns[0].cells)
