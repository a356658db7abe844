"""The table: what is best, what may be ranked, and the same numbers in every format."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.evidence import evidence
from harness.metrics.base import Better, mean_of
from harness.report import writers
from harness.report.tables import Table, decimals, difference, number, table, tabulate
from harness.report.writers import legend
from harness.results import JobResult, References, ScoreRecord, read_sweep
from tests import sweeps


def job(label: str, *scores: ScoreRecord) -> JobResult:
    empty = sweeps.rows(0.5, [])
    return JobResult(label, Path(), {}, {}, "", empty, list(scores), empty, "reference")


def record(value: float, better: Better = "reference", reference: float | None = 0.5, name: str = "x") -> ScoreRecord:
    return ScoreRecord(name, value, better, f"{name}|v:1", reference=reference)


def best(*values: float, better: Better = "reference") -> list[bool]:
    made = tabulate([job(str(i), record(value, better)) for i, value in enumerate(values)])
    return [bool(cell and cell.best) for cell in made.columns[0].cells]


def test_best_is_closest_highest_or_lowest() -> None:
    assert best(0.1, 0.45, 0.9) == [False, True, False]
    assert best(0.1, 0.45, 0.9, better="high") == [False, False, True]
    assert best(0.1, 0.45, 0.9, better="low") == [True, False, False]


def test_rows_that_show_the_same_number_are_equally_good() -> None:
    assert best(0.40001, 0.4, 0.3) == [True, True, False]
    assert best(math.nan, 0.4, math.inf) == [False, True, False]


def test_one_row_is_not_the_best_of_anything() -> None:
    assert best(0.5) == [False]


def test_without_a_reference_nothing_is_closest() -> None:
    made = tabulate([job(label, record(value, reference=None)) for label, value in (("a", 1.0), ("b", 2.0))])
    assert not any(cell and cell.best for cell in made.columns[0].cells)


def test_references_are_never_best() -> None:
    jobs = [job("a", record(0.4)), job("b", record(0.9))]
    made = tabulate(jobs, [References("reference", sweeps.rows(0.5, []), [record(0.5)])])
    assert [bool(cell and cell.best) for cell in made.columns[0].cells] == [True, False, False]


def test_rows_with_other_signatures_are_not_ranked() -> None:
    jobs = [
        job(label, ScoreRecord("x", value, "high", f"x|unit:{unit}|v:1"))
        for label, value, unit in (("a", 1.0, "words"), ("b", 2.0, "model-tokens"))
    ]
    column = tabulate(jobs).columns[0]
    assert not any(cell and cell.best for cell in column.cells)
    assert column.differs == "unit (words, model-tokens)"


@pytest.mark.parametrize(
    ("signatures", "said"),
    [
        ([], ""),
        (["x|v:1"], ""),
        (["x|a:1|v:1", "x|a:1|v:1"], ""),
        (["x|seed:1|strategy:a|v:1", "x|seed:2|strategy:b|v:1"], ""),
        (["x|v:1", "x|a:1|v:1"], "a (absent, 1)"),
        (["x|a:1|v:1", "x|a:1|v:1", "x|a:1|v:2"], "v (1, 2)"),
        (["x|a:c%7Cd|v:1", "x|a:1|v:1"], "a (c|d, 1)"),
    ],
)
def test_the_field_that_differs_is_named(signatures: list[str], said: str) -> None:
    assert difference(signatures) == said


def comparison(means: dict[str, float], baseline: str | None = None, prompts: int = 60) -> Table:
    """Jobs with one score of these means over the same prompts."""
    rng = np.random.default_rng(0)
    jobs = []
    for label, centre in means.items():
        score = mean_of("x", rng.normal(centre, size=prompts), "high", "x|v:1")
        basis = evidence(score, [f"p{i}" for i in range(prompts)])
        assert basis is not None
        jobs.append(replace(job(label, ScoreRecord.of(score)), evidence={"x": basis}))
    return tabulate(jobs, baseline=baseline)


def test_rows_that_differ_from_the_baseline_are_marked() -> None:
    made = comparison({"a": 0.0, "b": 0.05, "c": 3.0})
    assert (made.baseline, made.tests) == ("a", 2)
    assert [bool(cell and cell.marked) for cell in made.columns[0].cells] == [False, False, True]
    assert "†" in writers.to_markdown(made).splitlines()[4]
    assert "†" not in writers.to_markdown(made).splitlines()[3]
    assert writers.to_latex(made).count("dagger") == 1
    assert "† differs from a, paired over prompts (p < 0.05 after Holm's correction for 2 tests)" in legend(made)
    header, *rows = csv.reader(io.StringIO(writers.to_csv(made)))
    assert header == ["strategy", "x", "x p"]
    assert rows[0][2] == ""
    assert float(rows[2][2]) < 0.01 < float(rows[1][2])


def test_the_baseline_can_be_chosen() -> None:
    made = comparison({"a": 0.0, "b": 0.05, "c": 3.0}, "c")
    assert [bool(cell and cell.marked) for cell in made.columns[0].cells] == [True, True, False]
    with pytest.raises(InputError, match=r"report\.baseline='d': there is no such job"):
        comparison({"a": 0.0, "b": 1.0}, "d")


def test_one_job_is_not_tested() -> None:
    made = comparison({"a": 0.0})
    assert (made.baseline, made.tests) == ("", 0)
    assert "†" not in legend(made)


def test_what_may_not_be_ranked_is_not_tested() -> None:
    jobs = comparison({"a": 0.0, "b": 3.0})
    assert jobs.tests == 1
    rng = np.random.default_rng(0)
    other = []
    for label, unit in (("a", "words"), ("b", "model-tokens")):
        score = mean_of("x", rng.normal(size=30), "high", f"x|unit:{unit}|v:1")
        basis = evidence(score, [f"p{i}" for i in range(30)])
        assert basis is not None
        other.append(replace(job(label, ScoreRecord.of(score)), evidence={"x": basis}))
    assert tabulate(other).tests == 0


def test_the_best_leads_and_what_is_not_ranked_does_not() -> None:
    made = comparison({"a": 0.0, "b": 0.05, "c": 3.0})
    assert [bool(cell and cell.good) for cell in made.columns[0].cells] == [False, False, True]
    jobs = [
        job(label, ScoreRecord("x", value, "high", f"x|unit:{unit}|v:1"))
        for label, value, unit in (("a", 1.0, "words"), ("b", 2.0, "model-tokens"))
    ]
    assert not any(cell and cell.good for cell in tabulate(jobs).columns[0].cells)


def test_a_score_without_a_value_keeps_no_other_from_being_ranked() -> None:
    nothing = ScoreRecord("x", math.nan, "high", "x|features:none|v:1")
    jobs = [
        job("a", nothing),
        *(job(n, ScoreRecord("x", v, "high", "x|features:m|v:1")) for n, v in (("b", 1.0), ("c", 2.0))),
    ]
    (column,) = tabulate(jobs).columns
    assert column.differs == ""
    assert [bool(cell and cell.best) for cell in column.cells] == [False, False, True]


def test_closeness_is_measured_at_equal_lengths_where_it_was() -> None:
    far = replace(record(0.5), gap=0.3)
    near = replace(record(0.9), gap=-0.1)
    column = tabulate([job("a", far), job("b", near)]).columns[0]
    assert [bool(cell and cell.best) for cell in column.cells] == [False, True]


def test_scores_that_some_jobs_lack_are_left_blank() -> None:
    made = tabulate([job("a", record(1.0, name="x")), job("b", record(2.0, name="y"))])
    assert [column.name for column in made.columns] == ["x", "y"]
    assert made.columns[0].cells[1] is None
    assert "| – |" in writers.to_markdown(made)
    assert np.isnan(made.frame().loc["b", "x"])  # type: ignore[arg-type]


def test_the_frame_is_not_rounded(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, sweeps.SIX, prompts=3))
    frame = table(sweep.jobs, sweep.references)
    assert list(frame.index) == [*sweeps.SIX, "reference"]
    assert frame.loc["greedy", "rep-4"] == sweep.jobs[0].scores[3].value


@pytest.mark.parametrize(
    ("value", "scale", "shown"),
    [
        (0.12345, 1.0, "0.123"),
        (1.0, 1.0, "1.000"),
        (0.00042, 0.0009, "0.000420"),
        (3.14159, 50.0, "3.14"),
        (31.4159, 50.0, "31.4"),
        (314.159, 400.0, "314"),
        (31415.9, 40000.0, "31416"),
        (1234567.0, 2e6, "1.23e+06"),
        (math.inf, 50.0, "inf"),
        (-0.0001, 1.0, "0.000"),
        (-2.5, 3.0, "-2.50"),
        (0.0, 0.0, "0.000"),
        (0.02, 50.0, "0.02"),
    ],
)
def test_digits(value: float, scale: float, shown: str) -> None:
    assert number(value, decimals(value, scale)) == shown


@given(st.floats(min_value=0.1, max_value=1e9), st.floats(min_value=1, max_value=100))
def test_three_significant_digits_or_two_decimals(value: float, times: float) -> None:
    shown = float(number(value, decimals(value, value * times)))
    assert abs(shown - value) <= max(0.005001, 0.0051 * value)


LABELS = ["a|b", "50%_off & {more} $x^2~#", "back\\slash", "<b>&amp;</b>", "`code` *star*", 'comma, "quote"', "τ=0.7"]


def numbers(text: str) -> list[str]:
    return re.findall(r"(?<![\w.])-?\d+\.?\d*(?:e[+-]\d+)?(?![\w])|inf", text)


def wide() -> Table:
    rng = np.random.default_rng(0)
    scores = [
        [
            ScoreRecord("rep-n", r[0], "reference", "rep-n|v:1", r[0] / 2, r[0] * 2, "bca", reference=0.5),
            ScoreRecord("perplexity", 10 ** (6 * r[1]), "low", "perplexity|v:1"),
            ScoreRecord("mauve", math.nan if r[2] < 0.3 else r[2], "high", "mauve|v:1", 0.1, 0.9, "seeds"),
        ]
        for r in rng.random((len(LABELS), 3)).tolist()
    ]
    jobs = [job(label, *found) for label, found in zip(LABELS, scores, strict=True)]
    return tabulate(jobs, [References("reference", sweeps.rows(0.5, []), scores[0][:1])])


def test_all_formats_hold_the_same_numbers() -> None:
    made = wide()
    rows = list(csv.reader(io.StringIO(writers.to_csv(made))))
    markdown = writers.to_markdown(made).splitlines()[2:]
    latex = [line for line in writers.to_latex(made).splitlines() if line.endswith(r"\\")][1:]
    assert [row[0] for row in rows[1:]] == [*LABELS, "reference"]
    assert len(rows) - 1 == len(markdown) == len(latex)
    for row, line, tex in zip(rows[1:], markdown, latex, strict=True):
        expected = [value for value in row[1:] if value]
        cells = re.split(r"(?<!\\)\|", line)
        assert numbers(" ".join(cells[2:])) == expected
        cells = re.split(r"(?<!\\)&", tex.replace("--", " "))
        assert numbers(" ".join(cells[1:])) == expected


def test_best_is_bold_in_markdown_and_latex() -> None:
    made = wide()
    for column in made.columns:
        shown = {cell.value for cell in column.cells if cell and cell.best}
        assert len(shown) == 1
        assert f"**{shown.copy().pop()}**" in writers.to_markdown(made)
        assert rf"\textbf{{{shown.pop()}}}" in writers.to_latex(made)


def test_arrows_say_which_way_is_better() -> None:
    assert writers.to_markdown(wide()).splitlines()[0] == "| strategy | rep-n ≈ | perplexity ↓ | mauve ↑ |"
    assert r"rep-n $\approx$ & perplexity $\downarrow$ & mauve $\uparrow$" in writers.to_latex(wide())


def test_latex_has_as_many_cells_as_columns() -> None:
    lines = [line for line in writers.to_latex(wide()).splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {3}
