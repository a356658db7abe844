"""A run that is disturbed ends as one that is not."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.journal import FILE

SMALL = ("prompts.limit=3", "max_new_tokens=6", "model=pocket-s", "metrics=[repetition]", "report.figures=false")

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The strategies of all requests that reach an engine."""
    from harness.cluster.local import Local

    seen: list[str] = []
    decode = Local.decode

    def noted(self: Local, model: Any, engine: Any, recipe: Any, requests: Any, *more: Any) -> Any:
        seen.extend(type(r.strategy).__name__ for r in requests)
        return decode(self, model, engine, recipe, requests, *more)

    monkeypatch.setattr(Local, "decode", noted)
    return seen


def tokens(folder: Path) -> dict[str, list[list[int]]]:
    return {
        path.parent.name: [list(each) for each in pd.read_parquet(path)["tokens"]]
        for path in sorted(folder.glob("*/generations.parquet"))
    }


def test_the_same_folder_again_decodes_and_measures_nothing(run: Run, decoded: list[str], tmp_path: Path) -> None:
    command = ("-m", "strategy=greedy,top_p", "hydra.sweep.dir=s", *SMALL)
    assert run(*command)[0] == 0
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in (tmp_path / "s").glob("*_*/*")}
    assert len(decoded) == 6
    assert run(*command)[0] == 0
    assert len(decoded) == 6
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in (tmp_path / "s").glob("*_*/*")} == before
    assert not (tmp_path / "s" / FILE).exists()


def test_one_strategy_more_decodes_one_strategy(run: Run, decoded: list[str], tmp_path: Path) -> None:
    assert run("-m", "strategy=greedy,top_p", "store=kept.sqlite", "hydra.sweep.dir=a", *SMALL)[0] == 0
    decoded.clear()
    code, said = run("-m", "strategy=greedy,beam,top_p", "store=kept.sqlite", "hydra.sweep.dir=b", *SMALL)
    assert code == 0, said
    assert decoded == ["Beam"] * 3
    assert "6 of 9 generations are there already" in said
    assert run("-m", "strategy=greedy,beam,top_p", "hydra.sweep.dir=c", *SMALL)[0] == 0
    assert tokens(tmp_path / "b") == tokens(tmp_path / "c")


def test_other_metrics_in_the_same_folder_decode_nothing(run: Run, decoded: list[str], tmp_path: Path) -> None:
    assert run("strategy=top_p", "hydra.run.dir=s", *SMALL)[0] == 0
    code, _ = run("strategy=top_p", "hydra.run.dir=s", *SMALL[:3], "metrics=[length]", "report.figures=false")
    assert code == 0
    assert len(decoded) == 3
    names = [each["name"] for each in json.loads((tmp_path / "s" / "scores.json").read_text())]
    assert "rep-4" not in names
    assert names


def test_resume_false_decodes_all_again(run: Run, decoded: list[str]) -> None:
    command = ("strategy=top_p", "hydra.run.dir=s", *SMALL)
    assert run(*command)[0] == 0
    assert run(*command, "resume=false")[0] == 0
    assert len(decoded) == 6


def test_a_broken_result_is_made_again_and_said(run: Run, decoded: list[str], tmp_path: Path) -> None:
    command = ("strategy=top_p", "hydra.run.dir=s", *SMALL)
    assert run(*command)[0] == 0
    file = tmp_path / "s" / "generations.parquet"
    before = file.read_bytes()
    file.write_bytes(before[:200])
    code, said = run(*command)
    assert code == 0
    assert "made again" in said
    assert len(decoded) == 6
    assert file.read_bytes() == before


def test_a_folder_that_is_being_written_is_refused(run: Run, tmp_path: Path) -> None:
    from harness.locking import locked

    (tmp_path / "s").mkdir()
    with locked(tmp_path / "s"):
        code, said = run("strategy=greedy", "hydra.run.dir=s", *SMALL)
    assert code == 1
    assert "another run is writing there" in said


def test_a_strategy_that_raises_takes_down_its_own_job(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine" / "strategy").mkdir(parents=True)
    (tmp_path / "mine" / "strategy" / "bad.yaml").write_text("factory: bad_rule.bad\nat: 2\n")
    (tmp_path / "mine" / "bad_rule.py").write_text(
        "from dataclasses import dataclass\n"
        "from harness import Step, Strategy, View\n"
        "@dataclass(frozen=True)\n"
        "class Bad(Strategy[None]):\n"
        "    at: int\n"
        "    def step(self, view: View, state: None) -> tuple[Step, None]:\n"
        "        if view.step == self.at:\n"
        "            raise RuntimeError('no idea')\n"
        "        return Step(view.logits.argmax(-1)), None\n"
        "def bad(*, at: int) -> Bad:\n"
        "    return Bad(at)\n"
    )
    sweep = ("--config-dir=mine", "-m", "hydra.sweep.dir=s", *SMALL)
    code, said = run(*sweep, "strategy=greedy,bad,top_p")
    assert code == 1
    assert "bad: 3 of 3 generations failed" in said
    assert "no idea" in said
    assert "bad_rule.py:8" in said
    assert "resume=s" in said
    (failures,) = (tmp_path / "s").glob("*/failures.json")
    assert "RuntimeError" in json.loads(failures.read_text())[0]["traceback"]
    assert sum(1 for _ in (tmp_path / "s").glob("*/scores.json")) == 2
    assert "no idea" in (tmp_path / "s" / "report.md").read_text()
    assert run("-m", "strategy=greedy,top_p", "hydra.sweep.dir=t", *SMALL)[0] == 0
    kept = tokens(tmp_path / "s")
    assert [kept[name] for name in sorted(kept) if "bad" not in name] == list(tokens(tmp_path / "t").values())


def test_references_are_used_again_only_where_they_are_the_same(run: Run, decoded: list[str], tmp_path: Path) -> None:
    first = ("-m", "strategy=greedy,beam", "hydra.sweep.dir=s", *SMALL)
    assert run(*first)[0] == 0
    before = [(tmp_path / "s" / f"references.{kind}").read_bytes() for kind in ("json", "parquet")]
    assert run("-m", "strategy=top_p,sample", "hydra.sweep.dir=s", SMALL[0], "max_new_tokens=12", *SMALL[2:])[0] == 0
    assert [(tmp_path / "s" / f"references.{kind}").read_bytes() for kind in ("json", "parquet")] != before
    decoded.clear()
    assert run(*first)[0] == 0
    assert decoded == []
    assert [(tmp_path / "s" / f"references.{kind}").read_bytes() for kind in ("json", "parquet")] == before


def test_several_models_are_left_alone_when_complete(run: Run, decoded: list[str], tmp_path: Path) -> None:
    command = ("-m", "strategy=greedy", "model=pocket-s,pocket-m", "hydra.sweep.dir=s", *SMALL[:2], *SMALL[3:])
    assert run(*command)[0] == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "s").glob("*_*/*")}
    assert run(*command)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "s").glob("*_*/*")} == before
    assert run("-m", "strategy=greedy,top_p", *command[2:])[0] == 0  # one strategy more
    assert decoded == ["Greedy"] * 6 + ["Sampling"] * 6


def test_what_another_program_has_written_is_not_taken_for_ours(run: Run, decoded: list[str], tmp_path: Path) -> None:
    command = ("strategy=top_p", "hydra.run.dir=s", "store=all.sqlite", *SMALL[:3], "report.figures=false")
    assert run(*command, "metrics=[repetition]", "resume=false")[0] == 0
    file = tmp_path / "s" / "generations.parquet"
    frame, before = pd.read_parquet(file), file.read_bytes()
    frame["tokens"] = [list(reversed(each)) for each in frame["tokens"]]
    frame.to_parquet(file)
    (tmp_path / "all.sqlite").unlink()
    code, said = run(*command, "metrics=[length]")
    assert code == 0
    assert "not as they were written" in said
    assert len(decoded) == 6
    assert file.read_bytes() == before


def test_a_run_without_a_store_goes_on_with_one(run: Run, decoded: list[str], tmp_path: Path) -> None:
    from harness.store import open_store

    assert run("strategy=top_p", "hydra.run.dir=a", "store=all.sqlite", *SMALL)[0] == 0
    store, journal = open_store(tmp_path / "all.sqlite"), open_store(tmp_path / "s" / FILE)
    journal.put(store.get(list(store.all_keys())))
    store.close()
    journal.close()
    decoded.clear()
    assert run("strategy=top_p", "hydra.run.dir=s", "store=other.sqlite", *SMALL)[0] == 0
    assert decoded == []


def test_another_command_does_not_go_on_in_a_folder(run: Run, tmp_path: Path) -> None:
    odd = tmp_path / "x(1),y"
    assert run("strategy=top_p", f"hydra.run.dir='{odd}'", *SMALL)[0] == 0
    before = (odd / "generations.parquet").read_bytes()
    code, said = run("strategy=greedy", f"resume={odd}", *SMALL)
    assert code == 1
    assert "another command ran there" in said
    assert (odd / "generations.parquet").read_bytes() == before
    assert run("strategy=top_p", f"resume={odd}", *SMALL)[0] == 0


LONG = ("-m", "strategy=greedy,top_p,beam", "prompts.limit=96", "max_new_tokens=96", "samples=2", *SMALL[2:])


def started(folder: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "harness", *LONG, f"hydra.sweep.dir={folder}", *more]
    quiet = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=quiet)


def committed(folder: Path) -> int:
    if not (folder / FILE).exists():
        return 0
    with sqlite3.connect(folder / FILE, timeout=60) as connection:
        try:
            return int(connection.execute("select count(*) from entries").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def wait_for(folder: Path, process: subprocess.Popen[str]) -> int:
    """Wait until something is in the journal; how much."""
    for _ in range(6000):
        if found := committed(folder):
            return found
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    raise TimeoutError


@pytest.mark.long
def test_told_to_end_it_keeps_what_it_has_and_says_how_it_goes_on(run: Run, decoded: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "s"
    with started(folder) as process:
        had = wait_for(folder, process)
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=120)
    assert process.returncode == 143, error
    assert f"resume={folder}" in error.replace("\n", "")
    assert "Traceback" not in error
    kept = committed(folder)
    assert kept >= had
    total = 96 * (1 + 2 + 1)
    assert kept < total
    code, said = run(*LONG, f"resume={folder}")
    assert code == 0, said
    assert len(decoded) == total - kept
    assert not (folder / FILE).exists()


@pytest.mark.long
def test_killed_at_random_it_ends_with_the_same_bytes() -> None:
    """The torture test of experiments/survival, with few kills."""
    found = subprocess.run(
        [sys.executable, "-m", "experiments.survival.kills", "--kills", "3", "--prompts", "4", "--tokens", "12"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert json.loads(found.stdout)["kills"] == 3
