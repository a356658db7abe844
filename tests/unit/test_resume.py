"""Which folder a command goes on in."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from harness.errors import InputError
from harness.resume import command_to_resume, placed, plain

COMMAND = ["-m", "strategy=greedy,top_p", "seed=0,1"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ran(name: str, arguments: list[str] | None, age: int = 0) -> Path:
    folder = Path("results") / name
    folder.mkdir(parents=True)
    (folder / "sweep.json").write_text(json.dumps({"jobs": [], "arguments": arguments}))
    os.utime(folder / "sweep.json", (10**9 - age, 10**9 - age))
    return folder


def folders(arguments: list[str]) -> list[str]:
    """What Hydra reads of the folders that were put in."""
    given = [each for each in arguments if each.startswith("hydra.")]
    return [str(each.value()) for each in OverridesParser.create().parse_overrides(given)]


@pytest.mark.parametrize("value", ["", "null", "false", "False"])
def test_nothing_changes_without_it(value: str) -> None:
    ran("a", COMMAND)
    given = [*COMMAND, f"resume={value}"]
    assert placed(given) == given
    assert placed(COMMAND) == COMMAND


def test_true_is_the_newest_run_of_the_same_command() -> None:
    ran("old", COMMAND, age=9)
    ran("mine, = 'it\\", COMMAND, age=5)
    ran("other", ["-m", "strategy=greedy"], age=0)
    ran("none", None)
    (Path("results") / "half").mkdir()
    (Path("results/half") / "sweep.json").write_text('{"argum')
    assert folders(placed([*COMMAND, "resume=true"])) == ["results/mine, = 'it\\"] * 2


def test_true_without_such_a_run_is_a_new_one() -> None:
    ran("other", ["strategy=greedy"])
    assert placed([*COMMAND, "resume=true"]) == [*COMMAND, "resume=true"]


def test_true_with_a_folder_is_that_folder() -> None:
    ran("a", COMMAND)
    given = [*COMMAND, "resume=true", "hydra.sweep.dir=mine"]
    assert placed(given) == given


def test_a_folder_is_taken_where_a_run_lies_in_it() -> None:
    folder = ran("a=b", COMMAND)
    assert folders(placed([*COMMAND, f"resume={folder}"])) == [str(folder)] * 2
    with pytest.raises(InputError, match=r"^resume=nowhere: no run lies there"):
        placed([*COMMAND, "resume=nowhere"])
    with pytest.raises(InputError, match="another command ran there"):
        placed(["-m", "strategy=beam", f"resume={folder}"])
    with pytest.raises(InputError, match=r"hydra\.run\.dir=x"):
        placed([f"resume={folder}", "hydra.run.dir=x"])


def test_where_it_writes_is_no_part_of_a_command() -> None:
    assert plain(["strategy=beam", "hydra.run.dir=x", "+resume=true", "hydra.sweep.dir=y", "resume=z"]) == [
        "strategy=beam"
    ]


def test_the_command_to_resume_can_be_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["harness", "prompts.path=my file.txt", "resume=true", "hydra.run.dir=x"])
    said = shlex.split(command_to_resume(Path("results/a b")))
    assert said == ["python", "-m", "harness", "prompts.path=my file.txt", "resume=results/a b"]
