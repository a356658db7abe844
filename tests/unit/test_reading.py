"""What sweep.json may hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.reading import read_about


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([], r"all of it is \[\]"),
        (None, "all of it is None"),
        ({}, "jobs is None"),
        ({"jobs": "a"}, "jobs is 'a'"),
        ({"jobs": [1]}, "a job is 1"),
        ({"jobs": ["../a"]}, r"the job '\.\./a' lies outside its folder"),
        ({"jobs": ["a/../../b"]}, r"the job 'a/\.\./\.\./b' lies outside its folder"),
        ({"jobs": ["/a"]}, "the job '/a' lies outside its folder"),
        ({"jobs": ["a"], "name": 1}, "name is 1"),
        ({"jobs": ["a"], "command": ["a"] * 99}, "command is list"),
    ],
)
def test_what_no_run_leaves_is_refused(tmp_path: Path, content: object, says: str) -> None:
    (tmp_path / "sweep.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf"sweep\.json: not what a run leaves \({says}"):
        read_about(tmp_path)


def test_what_a_run_leaves_is_read(tmp_path: Path) -> None:
    about = {"name": "a", "command": "b", "jobs": [".", "c", "d/e"]}
    (tmp_path / "sweep.json").write_text(json.dumps(about))
    assert read_about(tmp_path) == about
