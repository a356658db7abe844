"""Result folders: written whole, read back as they were."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from harness.errors import InputError
from harness.metrics.base import Score, mean_of
from harness.results import (
    References,
    ScoreRecord,
    begin_job,
    items_frame,
    read_job,
    read_sweep,
    write_items,
    write_references,
    write_scores,
    write_sweep,
)
from tests import sweeps

ODD = "ünïcode 🦊 \u202e rtl, tab\t, bell\a, null\0, quote\" 'x', line\nend ${x} {{y}} : # \x85"


def test_a_job_comes_back_as_it_was(tmp_path: Path) -> None:
    frame = sweeps.rows(0.5, [ODD, "b"], label=ODD)
    scores = [
        ScoreRecord("rep-4", 0.1 + 0.2, "reference", "rep-4|v:1", 0.2, 0.5, "bca", ("one", ODD), 0.25),
        ScoreRecord("perplexity", math.inf, "reference", "perplexity|v:1", low=1.0, high=math.inf),
    ]
    folder = sweeps.job(
        tmp_path / "temperature=0.7", ODD, frame, scores, strategy={"temperature": 0.1 + 0.2, "text": ODD}
    )
    job = read_job(folder)
    assert job.label == ODD
    assert job.config["strategy"]["temperature"] == 0.1 + 0.2
    assert job.config["strategy"]["text"] == ODD
    assert job.scores == scores
    assert job.choices["prompts"] == "fables"
    pd.testing.assert_frame_equal(job.generations, frame, check_dtype=False)
    assert list(job.items.columns) == ["prompt_id", "seed", "sample", "rep-1"]


def test_a_score_without_value_is_null(tmp_path: Path) -> None:
    folder = sweeps.job(tmp_path, "a", sweeps.rows(0.5, ["p"]), [ScoreRecord("x", math.nan, "low", "x|v:1", math.nan)])
    text = (folder / "scores.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)[0]["value"] is None  # strict JSON has no NaN
    assert math.isnan(read_job(folder).scores[0].value)


@pytest.mark.parametrize("value", [1e-5, 1e300, math.inf, None, True, "yes", "1e3", "null", [], {}, ["a", 1]])
def test_configs_keep_their_types(tmp_path: Path, value: object) -> None:
    begin_job(tmp_path, label="a", config={"key": value}, choices={}, signature="")
    read = yaml.safe_load((tmp_path / "config.yaml").read_text())["key"]
    assert read == value
    assert type(read) is type(value)


def test_nothing_is_left_half_written(tmp_path: Path) -> None:
    folder = sweeps.job(tmp_path, "a", sweeps.rows(0.5, ["p"]), [ScoreRecord("x", 1.0, "low", "x|v:1")])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(TypeError):
        write_scores(folder, [ScoreRecord("x", 2.0, "low", "x|v:1", notes=(object(),))])  # type: ignore[arg-type]
    with pytest.raises(Exception, match="int64"):
        write_items(folder, pd.DataFrame({"mixed": [1, "a"]}))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_beginning_again_forgets_the_scores(tmp_path: Path) -> None:
    folder = sweeps.job(tmp_path, "a", sweeps.rows(0.5, ["p"]), [ScoreRecord("x", 1.0, "low", "x|v:1")])
    begin_job(folder, label="b", config={}, choices={}, signature="")
    assert {path.name for path in folder.iterdir()} == {"config.yaml", "job.json"}


def test_a_sweep_comes_back_in_order_with_its_references(tmp_path: Path) -> None:
    folder = sweeps.sweep(tmp_path, sweeps.SIX, models=("s", "m"), prompts=3)
    sweep = read_sweep(folder)
    assert [job.label for job in sweep.jobs] == [f"{label} {model}" for model in "sm" for label in sweeps.SIX]
    assert [each.label for each in sweep.references] == ["reference s", "reference m"]
    assert [len(each.frame) for each in sweep.references] == [3, 3]
    assert sweep.references[1].scores[0].name == "rep-1"
    expected = sweeps.rows(sweeps.HUMAN - 0.1, [f"Once upon a time number {i}" for i in range(3)], seed=99)
    columns = ["prompt_id", "prompt", "text", "tokens", "ends", "logprob", "entropy", "rank", "gap"]
    pd.testing.assert_frame_equal(sweep.references[1].frame, expected[columns], check_dtype=False)


def test_a_single_job_is_a_sweep_of_one(tmp_path: Path) -> None:
    sweeps.job(tmp_path, "greedy", sweeps.rows(0.0, ["p"]), [])
    write_sweep(tmp_path, name="one", command="python -m harness", jobs=[tmp_path])
    write_references(tmp_path, [])
    sweep = read_sweep(tmp_path)
    assert (len(sweep.jobs), sweep.references, sweep.command) == (1, [], "python -m harness")


def test_unfinished_jobs_are_named(tmp_path: Path) -> None:
    sweeps.sweep(tmp_path, sweeps.SIX, prompts=2)
    (tmp_path / "2" / "scores.json").unlink()
    sweep = read_sweep(tmp_path)
    assert sweep.unfinished == ["2"]
    assert len(sweep.jobs) == 5


def test_jobs_of_separate_processes_make_a_sweep(tmp_path: Path) -> None:
    for name in ("a", "b"):
        folder = sweeps.job(tmp_path / name, name, sweeps.rows(0.5, ["p"]), [])
        write_references(folder, [References("reference", sweeps.rows(0.7, ["p"]), [])])
    sweep = read_sweep(tmp_path)
    assert [job.label for job in sweep.jobs] == ["a", "b"]
    assert [each.label for each in sweep.references] == ["reference"]


@pytest.mark.parametrize("broken", ["job.json", "config.yaml", "scores.json", "generations.parquet"])
def test_a_broken_file_is_named(tmp_path: Path, broken: str) -> None:
    folder = sweeps.job(tmp_path, "a", sweeps.rows(0.5, ["p"]), [])
    (folder / broken).write_text("{[")
    with pytest.raises(InputError, match=folder.name):
        read_sweep(folder)


@pytest.mark.parametrize("field", ["label", "choices", "signature", "reference"])
def test_a_job_whose_fields_are_others_is_refused(tmp_path: Path, field: str) -> None:
    folder = sweeps.job(tmp_path, "a", sweeps.rows(0.5, ["p"]), [])
    about = json.loads((folder / "job.json").read_text())
    others = {key: value for key, value in about.items() if key != field}
    wrongs: list[object] = [about | {field: 1.5}, others, None, []]
    for wrong in wrongs:
        (folder / "job.json").write_text(json.dumps(wrong))
        with pytest.raises(InputError, match=r"not a whole result folder of a job \((job\.json|'\w+' is missing)"):
            read_sweep(folder)


@pytest.mark.parametrize(
    ("file", "content"), [("config.yaml", ""), ("config.yaml", "[1]"), ("scores.json", "{}"), ("provenance.json", "[]")]
)
def test_a_file_that_holds_something_else_is_named(tmp_path: Path, file: str, content: str) -> None:
    folder = sweeps.job(tmp_path, "a", sweeps.rows(0.5, ["p"]), [])
    (folder / file).write_text(content)
    with pytest.raises(InputError, match=rf"not a whole result folder of a job \({file} is "):
        read_sweep(folder)


@pytest.mark.parametrize("broken", ["half", "missing", "text", "list", "field"])
def test_references_that_cannot_be_read_are_named(tmp_path: Path, broken: str) -> None:
    folder = sweeps.sweep(tmp_path, sweeps.ONE, prompts=2)
    texts, scores = folder / "references.parquet", folder / "references.json"
    if broken == "half":
        texts.write_bytes(texts.read_bytes()[: texts.stat().st_size // 2])
    elif broken == "missing":
        texts.unlink()
    elif broken == "text":
        texts.write_text("no parquet")
    elif broken == "list":
        scores.write_text("[1]")
    else:
        scores.write_text(scores.read_text().replace('"notes"', '"novel": 1, "notes"'))
    with pytest.raises(InputError, match=r"its references cannot be read \(") as error:
        read_sweep(folder)
    assert str(folder) in str(error.value)


def test_references_that_are_gone_are_missed(tmp_path: Path) -> None:
    folder = sweeps.sweep(tmp_path, sweeps.SIX, prompts=2)
    assert read_sweep(folder).notes == []
    (folder / "references.json").unlink()
    assert read_sweep(folder).notes == ["reference: no row, as there is no references.json that has it"]
    assert read_sweep(sweeps.sweep(tmp_path / "none", sweeps.ONE, prompts=2, references=False)).notes == []


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no result folder"):
        read_sweep(tmp_path)


def test_items_stand_beside_their_generations() -> None:
    frame = sweeps.rows(0.5, ["a", "b"])
    score = mean_of("rep-1", np.array([0.25, math.nan]), "low", "rep-1|v:1")
    items = items_frame(frame, [score, Score("distinct-2", 0.5, "reference", "distinct-2|v:1")])
    assert list(items.columns) == ["prompt_id", "seed", "sample", "rep-1"]
    assert items["rep-1"].tolist()[0] == 0.25
    assert ScoreRecord.of(score, 0.5) == ScoreRecord(
        "rep-1", 0.25, "low", "rep-1|v:1", notes=("1 of 2 texts have no value",), reference=0.5
    )
