"""Which jobs RESULT arguments stand for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.report.gather import gather
from harness.results import References, Sweep, write_references
from tests import sweeps

TWO = dict(list(sweeps.SIX.items())[:2])


def labels(found: list[Sweep]) -> list[list[str]]:
    return [[job.label for job in sweep.jobs] for sweep in found]


def test_a_sweep_is_itself(tmp_path: Path) -> None:
    (found,) = gather([sweeps.sweep(tmp_path / "a", TWO, prompts=2)])
    assert labels([found]) == [list(TWO)]
    assert found.command == "python -m harness -m strategy=made,up"
    assert [each.label for each in found.references] == ["reference"]


def test_a_job_of_a_sweep_brings_its_references_alone(tmp_path: Path) -> None:
    sweeps.sweep(tmp_path / "a", TWO, models=("s", "m"), prompts=2)
    (found,) = gather([tmp_path / "a" / "2"])
    assert labels([found]) == [["greedy m"]]
    assert [each.label for each in found.references] == ["reference m"]


def test_jobs_of_one_sweep_are_one_sweep(tmp_path: Path) -> None:
    sweeps.sweep(tmp_path / "a", sweeps.SIX, prompts=2)
    found = gather([tmp_path / "a" / "3", tmp_path / "a" / "0"])
    assert labels(found) == [["greedy", "temperature(0.7)"]]


def test_a_folder_stands_for_what_lies_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("2026-02-01", "2026-01-01"):
        sweeps.sweep(tmp_path / "results" / name, TWO, prompts=2)
    sweeps.job(tmp_path / "results" / "2026-01-15" / "0", "alone", sweeps.rows(0.5, ["p"]), [])
    monkeypatch.chdir(tmp_path)
    found = gather([Path("results")])
    assert [sweep.folder.relative_to(tmp_path / "results").as_posix() for sweep in found] == [
        "2026-01-01",
        "2026-01-15/0",
        "2026-02-01",
    ]
    assert labels(found) == [list(TWO), ["alone"], list(TWO)]


def test_a_job_named_twice_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweeps.sweep(tmp_path / "a", TWO, prompts=2)
    monkeypatch.chdir(tmp_path)
    found = gather([Path("a"), tmp_path / "a" / "1", Path("a/0/.."), tmp_path])
    assert labels(found) == [list(TWO)]


def test_jobs_of_separate_processes_keep_their_references(tmp_path: Path) -> None:
    for name in ("0", "1"):
        folder = sweeps.job(tmp_path / name, "top_p", sweeps.rows(0.5, ["p"]), [])
        write_references(folder, [References("reference", sweeps.rows(0.7, ["p"]), [])])
    found = gather([tmp_path])
    assert labels(found) == [["top_p"], ["top_p"]]
    assert [len(sweep.references) for sweep in found] == [1, 1]


def test_unfinished_jobs_stay_named(tmp_path: Path) -> None:
    folder = sweeps.sweep(tmp_path / "a", TWO, prompts=2)
    (folder / "1" / "scores.json").unlink()
    (found,) = gather([folder])
    assert (labels([found]), found.unfinished) == ([["greedy"]], ["1"])
    with pytest.raises(InputError, match=r"none of 1 jobs has finished$"):
        gather([folder / "1"])


def test_what_holds_no_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: there is no such folder$"):
        gather([tmp_path / "nowhere"])
    with pytest.raises(InputError, match="no result folder"):
        gather([tmp_path])
    folder = sweeps.sweep(tmp_path / "a", TWO, prompts=2)
    (folder / "sweep.json").write_text("{[")
    with pytest.raises(InputError, match=r"sweep\.json: cannot be read"):
        gather([folder])


def test_a_folder_inside_a_sweep_that_is_none_of_its_jobs_is_its_own(tmp_path: Path) -> None:
    folder = sweeps.sweep(tmp_path / "a", TWO, prompts=2)
    about = json.loads((folder / "sweep.json").read_text())
    (folder / "sweep.json").write_text(json.dumps(about | {"jobs": ["0"]}))
    assert labels(gather([folder / "1"])) == [[list(TWO)[1]]]
