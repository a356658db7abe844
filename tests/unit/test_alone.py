"""Jobs that run one by one, and the records they leave."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from harness import sweep
from harness.alone import RECORDS, TRACEBACK, forget, prepare, read_records, run_alone
from harness.errors import DecodingFailed, InputError
from harness.sweep import Job, Search

OPTUNA = Search("optuna", "minimize")


def job(folder: Path, name: str = "0_top_p", config: dict[str, Any] | None = None, search: Search | None = None) -> Job:
    (folder / name).mkdir(parents=True)
    choices = {"strategy": "top_p"}
    overrides = ("strategy=top_p", "strategy.top_p=0.5", "objective=loops", "store=a b.sqlite")
    return Job(config or {}, folder / name, folder / name, choices, overrides, new=True, alone=True, search=search)


def ends(monkeypatch: pytest.MonkeyPatch, error: BaseException | None = None, scores: bool = True) -> None:
    """What running a job does from now on."""

    def run(jobs: list[Job]) -> None:
        if scores:
            (jobs[0].folder / "scores.json").write_text("[]")
        if error:
            raise error

    monkeypatch.setattr(sweep, "run", run)


def test_a_record_holds_what_a_comparison_needs_in_the_order_of_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends(monkeypatch)
    config = {"strategy": {"temperature": math.inf}}  # JSON has no infinity
    assert run_alone(job(tmp_path, "10_last", config), tmp_path, 10, ["/mine"]) is None
    assert run_alone(job(tmp_path, "9_first", config), tmp_path, 9) is None
    first, last = read_records(tmp_path)
    assert [first.name, last.name] == ["9_first", "10_last"]
    assert first.config == config
    assert (first.done, first.error, first.value) == (True, None, None)
    assert last.command == "python -m harness --config-dir=/mine strategy=top_p strategy.top_p=0.5 'store=a b.sqlite'"
    forget(tmp_path)
    assert read_records(tmp_path) == []


def test_a_mistake_is_in_the_record_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends(monkeypatch, InputError("strategy.top_p=2: no"), scores=False)
    assert run_alone(job(tmp_path), tmp_path, 0) is None
    (record,) = read_records(tmp_path)
    assert (record.done, record.error) == (False, "strategy.top_p=2: no")
    assert not (tmp_path / "0_top_p" / TRACEBACK).exists()


def test_a_sweeper_that_searches_hears_of_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends(monkeypatch, KeyError("x"), scores=False)
    with pytest.raises(InputError, match=r"^0_top_p: KeyError"):
        run_alone(job(tmp_path, search=OPTUNA), tmp_path, 0)


def test_a_fault_leaves_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends(monkeypatch, ZeroDivisionError("by zero\nand more"), scores=False)
    run_alone(job(tmp_path), tmp_path, 0)
    (record,) = read_records(tmp_path)
    assert str(record.error).startswith("ZeroDivisionError: by zero (traceback: ")
    assert "in run\n" in (tmp_path / "0_top_p" / TRACEBACK).read_text()


def test_a_job_may_fail_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends(monkeypatch, DecodingFailed("top_p: 1 of 3\nas it is"))
    run_alone(job(tmp_path), tmp_path, 0)
    (record,) = read_records(tmp_path)
    assert (record.done, record.error) == (True, "top_p: 1 of 3 as it is")


def test_results_of_an_earlier_run_are_not_those_of_a_job_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends(monkeypatch, InputError("no"), scores=False)
    one = job(tmp_path)
    (one.folder / "scores.json").write_text("[]")
    run_alone(one, tmp_path, 0)
    assert not read_records(tmp_path)[0].done


def test_a_job_that_is_killed_has_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends(monkeypatch, KeyboardInterrupt(), scores=False)
    with pytest.raises(KeyboardInterrupt):
        run_alone(job(tmp_path), tmp_path, 0)
    (record,) = read_records(tmp_path)
    assert (record.done, record.error) == (False, None)


def test_a_sweep_is_known_again_before_its_jobs_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["harness", "-m", "seed=0,1"])
    (tmp_path / RECORDS).mkdir()
    (tmp_path / RECORDS / "7.json").write_text("{}")  # of an earlier command
    prepare(tmp_path)
    assert read_records(tmp_path) == []
    written = (tmp_path / "sweep.json").read_text()
    assert '"seed=0,1"' in written
    prepare(tmp_path)  # what is there stays: it has the jobs
    assert (tmp_path / "sweep.json").read_text() == written
