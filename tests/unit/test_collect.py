"""Jobs that ran one by one, made into one sweep."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.alone import RECORDS, Record
from harness.collect import collect
from harness.errors import InputError, JobsFailed
from harness.results import References, read_sweep, write_references, write_sweep
from tests import sweeps

TEXTS = [f"Once upon a time number {i}" for i in range(4)]
MISTAKE = "strategy.top_p=2: input should be less than or equal to 1"


@pytest.fixture(autouse=True)
def _command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["harness", "-m", "seed=0,1"])


def record(folder: Path, number: int, seed: int = 0, new: int = 32, **more: Any) -> Record:
    config: dict[str, Any] = {group: {} for group in ("model", "prompts", "metrics", "engine")}
    report = {"factory": "harness.report.write", "figures": False, "baseline": None}
    choices = {"model": "pocket-m", "prompts": "fables", "strategy": "top_p", "engine": "fast"}
    return Record(
        number,
        str(folder / f"{number}_top_p"),
        config | {"report": report, "seed": seed, "samples": 1, "max_new_tokens": new, "name": None, "strategy": {}},
        choices,
        ["strategy=top_p", f"seed={seed}"],
        **more,
    )


def alone(one: Record) -> Record:
    """What a job leaves that knows of no other."""
    folder = Path(one.folder)
    new = one.config["max_new_tokens"]
    frame = sweeps.rows(0.5, TEXTS, new, seed=one.config["seed"], label="top_p")
    human = sweeps.rows(0.6, TEXTS, new, seed=99)
    sweeps.job(folder, "top_p", frame, sweeps.scores(frame), seed=one.config["seed"])
    write_references(folder, [References("reference", human, sweeps.scores(human))])
    write_sweep(folder, name="top_p", command="", jobs=[folder])
    return replace(one, done=True)


def write(folder: Path, *records: Record) -> None:
    for each in records:
        path = folder / RECORDS / f"{each.number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(each)))


def test_jobs_get_labels_that_tell_them_apart_and_references_once(tmp_path: Path) -> None:
    write(tmp_path, *(alone(record(tmp_path, n, seed=s)) for n, s in ((10, 1), (9, 0))))
    before = {path.parent.name: path.read_bytes() for path in tmp_path.glob("*/scores.json")}
    collect(tmp_path)
    found = read_sweep(tmp_path)
    assert [(job.label, job.reference, job.folder.name) for job in found.jobs] == [
        ("top_p seed=0", "reference", "9_top_p"),
        ("top_p seed=1", "reference", "10_top_p"),
    ]
    assert [set(job.generations["strategy"]) for job in found.jobs] == [{"top_p seed=0"}, {"top_p seed=1"}]
    expected = sweeps.rows(0.5, TEXTS, seed=1)
    pd.testing.assert_frame_equal(
        found.jobs[1].generations.drop(columns="strategy"), expected.drop(columns="strategy"), check_dtype=False
    )
    assert [each.label for each in found.references] == ["reference"]
    assert before == {path.parent.name: path.read_bytes() for path in tmp_path.glob("*/scores.json")}
    assert pd.read_csv(tmp_path / "table.csv").iloc[:, 0].tolist() == ["top_p seed=0", "top_p seed=1", "reference"]
    assert not list(tmp_path.glob("*/references.*")) + list(tmp_path.glob("*/sweep.json"))
    assert not (tmp_path / RECORDS).exists()


def test_references_that_differ_stay_apart(tmp_path: Path) -> None:
    write(tmp_path, *(alone(record(tmp_path, n, new=new)) for n, new in ((0, 16), (1, 32))))
    collect(tmp_path)
    found = read_sweep(tmp_path)
    assert [job.reference for job in found.jobs] == ["reference of 16", "reference of 32"]
    assert [len(each.frame["tokens"][0]) for each in found.references] == [16, 32]


def test_what_is_collected_can_be_collected_again(tmp_path: Path) -> None:
    records = [alone(record(tmp_path, n, seed=n)) for n in (0, 1)]
    for _ in range(2):  # the second time the references lie beside no job
        write(tmp_path, *records)
        collect(tmp_path)
        assert [each.label for each in read_sweep(tmp_path).references] == ["reference"]


def test_a_failed_job_is_named_and_the_others_are_compared(tmp_path: Path) -> None:
    failed = record(tmp_path, 1, seed=1, error=MISTAKE)
    write(tmp_path, alone(record(tmp_path, 0)), failed, alone(record(tmp_path, 2, seed=2)))
    with pytest.raises(JobsFailed) as caught:
        collect(tmp_path)
    first, again = str(caught.value).splitlines()
    assert first == f"1 of 3 jobs: 1_top_p: {MISTAKE}"
    assert again == f"to try again: python -m harness -m seed=0,1 resume={tmp_path}"
    found = read_sweep(tmp_path)
    assert [job.label for job in found.jobs] == ["top_p seed=0", "top_p seed=2"]
    assert found.unfinished == ["1_top_p"]
    assert "unfinished, not in this report: " in (tmp_path / "report.md").read_text()


def test_a_job_without_an_end_keeps_the_records(tmp_path: Path) -> None:
    write(tmp_path, alone(record(tmp_path, 0)), record(tmp_path, 1, seed=1))
    with pytest.raises(JobsFailed, match=r"^without an end: 1_top_p\nthe worker died\n"):
        collect(tmp_path, RuntimeError("the worker died\nand much more"))
    assert (tmp_path / "report.html").exists()
    assert (tmp_path / RECORDS / "1.json").exists()


def test_one_mistake_of_all_is_said_once_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    write(folder, *(record(folder, n, seed=n, error=MISTAKE) for n in (0, 1)))
    (folder / "multirun.yaml").touch()
    with pytest.raises(InputError, match=f"^{MISTAKE}$"):
        collect(folder)
    assert not folder.exists()


def test_a_command_line_that_begins_no_job_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    (folder / "mine.txt").touch()
    with pytest.raises(InputError, match=r"^unknown key"):
        collect(folder, InputError("unknown key sede"))
    assert (folder / "mine.txt").exists()


def test_a_baseline_without_results_is_said(tmp_path: Path) -> None:
    one = alone(record(tmp_path, 0))
    write(tmp_path, replace(one, config=one.config | {"report": one.config["report"] | {"baseline": "greedy"}}))
    with pytest.raises(JobsFailed, match=r"^report.baseline='greedy': no such job has results"):
        collect(tmp_path)
    assert (tmp_path / "report.html").exists()


def test_the_best_trial_of_a_search_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tried = [alone(record(tmp_path, n, seed=n)) for n in (0, 1, 2)]
    for direction, best in (("minimize", 1), ("maximize", 2)):
        write(
            tmp_path,
            *(
                replace(each, direction=direction, value=value, shown=f"loops {value}")
                for each, value in zip(tried, (0.5, 0.25, 0.75), strict=True)
            ),
        )
        collect(tmp_path)
        *_, first, last = capsys.readouterr().out.splitlines()
        assert first.startswith(f"best of 3: {best}_top_p: loops 0.")
        assert last == f"by itself: python -m harness strategy=top_p seed={best}"
