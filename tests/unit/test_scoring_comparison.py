from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.loaders import load_metric
from harness.report.tables import tabulate
from harness.results import JobResult, References, Sweep
from harness.scoring.comparison import Instruments, compare, write
from harness.scoring.files import Columns, Texts

TEXTS = ["a b a b", "c c c d e", "f g h i"]
HUMAN = ["a b c d", "e f g e f", "h h i j"]
GIVEN = Instruments([load_metric("repetition", sizes=[1, 2], unit="words"), load_metric("length", unit="words")])


def texts(
    label: str,
    content: Sequence[str] = TEXTS,
    references: Sequence[str | None] | None = HUMAN,
    prompts: Sequence[str] | None = ("p", "q", "r"),
) -> Texts:
    return Texts(label, content, prompts, references, Columns())


def rep(sentences: Sequence[str], n: int) -> float:
    """rep-n by its definition."""
    values = []
    for words in map(str.split, sentences):
        grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
        values.append(1 - len(set(grams)) / len(grams))
    return sum(values) / len(values)


def values(sweep: Sweep, label: str) -> dict[str, float]:
    rows: list[JobResult | References] = [*sweep.jobs, *sweep.references]
    (row,) = [each for each in rows if each.label == label]
    return {score.name: score.value for score in row.scores}


def test_scores_are_those_of_the_formulas() -> None:
    sweep = compare([texts("mine")], GIVEN)
    for label, content in (("mine", TEXTS), ("reference", HUMAN)):
        assert values(sweep, label) == pytest.approx(
            {"rep-1": rep(content, 1), "rep-2": rep(content, 2), "length": 13 / 3}
        )
    (job,) = sweep.jobs
    beside = {score.name: score.reference for score in job.scores}
    assert beside == pytest.approx(values(sweep, "reference"))
    assert all(score.low is not None and score.low <= score.value <= (score.high or math.inf) for score in job.scores)
    assert job.scores[0].gap == pytest.approx(rep(TEXTS, 1) - rep(HUMAN, 1))  # all pairs have equal lengths


def test_files_share_references_that_agree() -> None:
    turned = texts("b", TEXTS[::-1], HUMAN[::-1], ("r", "q", "p"))
    sweep = compare([texts("a"), turned, texts("bare", references=None)], GIVEN)
    assert [each.label for each in sweep.references] == ["reference"]
    assert [job.reference for job in sweep.jobs] == ["reference"] * 3
    table = tabulate(sweep.jobs, sweep.references)
    assert not any(column.differs for column in table.columns)  # the same prompts: they may be ranked
    assert values(sweep, "a") == pytest.approx(values(sweep, "b"))


def test_files_with_other_references_have_rows_of_their_own() -> None:
    sweep = compare([texts("a"), texts("b", references=TEXTS)], GIVEN)
    assert [each.label for each in sweep.references] == ["reference of a", "reference of b"]
    assert [job.reference for job in sweep.jobs] == ["reference of a", "reference of b"]
    assert values(sweep, "reference of b") == pytest.approx(values(sweep, "b"))
    assert all(column.differs for column in tabulate(sweep.jobs, sweep.references).columns)


def test_other_prompts_are_not_ranked() -> None:
    sweep = compare([texts("a", references=None), texts("b", references=None, prompts=("p", "q", "s"))], GIVEN)
    assert all(column.differs.startswith("prompts ") for column in tabulate(sweep.jobs, []).columns)
    lines = compare([texts(label, references=None, prompts=None) for label in "ab"], GIVEN)
    assert not any(column.differs for column in tabulate(lines.jobs, []).columns)


def test_no_references_are_no_row() -> None:
    sweep = compare([texts("a", references=None)], GIVEN)
    assert not sweep.references
    assert all(score.reference is None and score.gap is None for score in sweep.jobs[0].scores)


def test_samples_of_a_prompt_are_resampled_together() -> None:
    """Twice the same texts under the same prompts know no more than once; under prompts of their own they seem to."""

    def width(prompts: Sequence[str] | None) -> float:
        many = [f"{text} {i}" for i in range(8) for text in TEXTS]
        (job,) = compare([texts("a", many * 2, None, prompts)], GIVEN).jobs
        score = next(score for score in job.scores if score.name == "rep-1")
        return (score.high or 0.0) - (score.low or 0.0)

    prompts = [f"p{i}" for i in range(24)]
    assert width(None) < 0.85 * width(prompts * 2)


def test_everything_is_written(tmp_path: Path) -> None:
    sweep = compare([texts("a"), texts("b", TEXTS[::-1])], GIVEN, "the command")
    write(tmp_path / "deep" / "out", sweep)
    folder = tmp_path / "deep" / "out"
    found = {str(path.relative_to(folder)) for path in folder.glob("**/*") if path.is_file()}
    tables = {"table.csv", "table.md", "table.tex", "gaps.csv"}
    assert found == {"a/scores.json", "b/scores.json", "reference/scores.json", "about.json", *tables}
    scores = {each["name"]: each for each in json.loads((folder / "a" / "scores.json").read_text())}
    assert scores["rep-1"]["value"] == pytest.approx(rep(TEXTS, 1))
    assert scores["rep-1"]["signature"].startswith("rep-1|unit:words|")
    about = json.loads((folder / "about.json").read_text())
    assert about["command"] == "the command"
    assert about["texts"]["a"].startswith("texts|strategy:a|prompts:3@")
    assert (folder / "table.csv").read_text().splitlines()[0].startswith("strategy,rep-1")
