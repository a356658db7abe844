"""The table as HTML, and what bold print means in every format."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from harness.evidence import evidence
from harness.metrics.base import mean_of
from harness.report import escape, writers
from harness.report.tables import Table, tabulate
from harness.results import JobResult, References, ScoreRecord
from tests.unit.test_report_tables import LABELS, job, wide


class Cells(HTMLParser):
    """Rows of cells, each with its text, what of it is bold, and its title."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[dict[str, str]]] = []
        self.tags: list[str] = []
        self.prose = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append({"text": "", "strong": "", "em": "", "title": dict(attrs).get("title") or ""})

    def handle_endtag(self, tag: str) -> None:
        assert self.tags.pop() == tag

    def handle_data(self, data: str) -> None:
        if "p" in self.tags:
            self.prose += data
        elif {"td", "th"} & set(self.tags):
            cell = self.rows[-1][-1]
            cell["text"] += data
            for tag in ("strong", "em"):
                cell[tag] += data if tag in self.tags else ""


def led(means: dict[str, float]) -> Table:
    """Jobs whose scores are these on average over the same 60 prompts, the higher the better."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=60)
    jobs: list[JobResult] = []
    for label, mean in means.items():
        score = mean_of("x", common + mean + 0.1 * rng.normal(size=60), "high", "x|unit:<b>|v:1")
        found = evidence(score, [f"p{i}" for i in range(60)])
        assert found is not None
        jobs.append(replace(job(label, ScoreRecord.of(score)), evidence={"x": found}))
    return tabulate(jobs)


def test_bold_is_what_leads_in_every_format() -> None:
    made = led({"a": 0.0, "b": 1.0, "c": 0.99})
    cells = made.columns[0].cells
    assert [cell.good for cell in cells if cell] == [False, True, True]
    assert sum(cell.best for cell in cells if cell) == 1
    shown = [cell.value for cell in cells if cell]
    assert re.findall(r"\*\*(.+?)\*\*", writers.to_markdown(made)) == shown[1:]
    assert re.findall(r"\\textbf\{(.+?)\}", writers.to_latex(made)) == shown[1:]
    assert [row[1]["strong"] for row in Cells(writers.to_html(made)).rows[1:]] == ["", *shown[1:]]


def test_the_legend_says_what_is_bold_and_no_more() -> None:
    leading = writers.legend(led({"a": 0.0, "b": 1.0, "c": 0.99}))
    assert "in bold the best of each column and what is not significantly worse" in leading
    assert "with a probability of 95%" in leading
    alone = writers.legend(led({"a": 0.0, "b": 1.0}))
    assert "in bold the best of each column;" in alone
    assert "significantly" not in alone
    assert "bold" not in writers.legend(led({"a": 0.0}))


def test_the_best_itself_has_a_dot_in_every_format() -> None:
    made = led({"a": 0.0, "b": 1.0, "c": 0.99})
    (best,) = [cell.value for cell in made.columns[0].cells if cell and cell.best]
    assert re.findall(r"● \*\*(.+?)\*\*", writers.to_markdown(made)) == [best]
    assert re.findall(r"\$\\bullet\$\\,\\textbf\{(.+?)\}", writers.to_latex(made)) == [best]
    assert re.findall(r"● <strong>(.+?)</strong>", writers.to_html(made)) == [best]
    assert "; ● the best by itself" in writers.to_html(made)
    assert writers.legend(made, dot=writers.DOT).endswith("; ● the best by itself")
    assert "●" not in writers.legend(made) + writers.legend(led({"a": 0.0}), dot=writers.DOT)


def test_latex_says_what_its_marks_mean_where_nobody_prints_it() -> None:
    made = led({"a\nb": 0.0, "[c": 1.0, "*": 3.0})
    lines = writers.to_latex(made).splitlines()
    assert f"% {writers.legend(made, escape.visible, writers.DOT)}" in lines
    assert "differs from a↵b" in lines[1]
    start = next(i for i, line in enumerate(lines) if not line.startswith("%"))
    assert lines[start].startswith(r"\begin{tabular}")
    assert [line.split(" & ")[0] for line in lines[start:] if " & " in line] == [
        "  strategy",
        "  a↵b",
        "  {[}c",
        "  {*}",
    ]
    other = [replace(job(n, ScoreRecord("x", 1.0, "high", f"x|unit:{n}|v:1")), signature="") for n in "ab"]
    assert "% not ranked, as signatures differ in unit (a, b): x" in writers.to_latex(tabulate(other))


def test_html_holds_the_numbers_of_csv() -> None:
    made = wide()
    header, *rows = csv.reader(io.StringIO(writers.to_csv(made)))
    head, *cells = Cells(writers.to_html(made)).rows
    assert [cell["text"].split()[0] for cell in head] == [
        name for name in header if not name.endswith((" low", " high"))
    ]
    for row, html in zip(rows, cells, strict=True):
        numbers = [n for cell in html[1:] for n in re.findall(r"-?\d+\.?\d*(?:e[+-]\d+)?|inf", cell["text"])]
        assert numbers == [value for value in row[1:] if value]
    assert cells[0][1]["title"] == "rep-n|v:1"


def test_labels_are_shown_and_nothing_of_them_runs() -> None:
    html = writers.to_html(wide())
    parsed = Cells(html)
    assert [row[0]["text"] for row in parsed.rows[1:]] == [*LABELS, "reference"]
    assert parsed.rows[-1][0]["em"] == "reference"
    assert set(re.findall(r"<(\w+)", html)) == {
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "strong",
        "small",
        "em",
        "p",
    }
    assert parsed.tags == []


def test_control_characters_and_signatures_are_shown_as_text() -> None:
    made = led({"a\u202e\x1b": 0.0, "<script>": 1.0})
    parsed = Cells(writers.to_html(made))
    assert [row[0]["text"] for row in parsed.rows[1:]] == ["a⟨U+202E⟩⟨U+001B⟩", "<script>"]
    assert parsed.rows[1][1]["title"] == "x|unit:<b>|v:1"
    assert "differs from a⟨U+202E⟩⟨U+001B⟩" in parsed.prose


@pytest.mark.parametrize("which", ["jobs", "scores"])
def test_what_is_not_ranked_is_said_once(which: str) -> None:
    jobs = [
        replace(
            job(label, *(ScoreRecord(name, 1.0, "high", f"{name}|unit:{unit}|v:1") for name in ("x", "y"))),
            signature=f"job|model:{unit}" if which == "jobs" else "",
        )
        for label, unit in (("a", "words"), ("b", "tokens"))
    ]
    made = tabulate(jobs, [References("reference", jobs[0].generations, [])])
    field = {"jobs": "model", "scores": "unit"}[which]
    assert writers.unranked(made) == {f"{field} (words, tokens)": ["x", "y"]}
    assert f"not ranked, as signatures differ in {field} (words, tokens): x, y." in Cells(writers.to_html(made)).prose
    assert "<strong>" not in writers.to_html(made)
