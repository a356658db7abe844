"""Provenance: what it says, and that it never fails."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

import pytest

from harness.provenance import git, provenance, version


def test_it_says_what_was_used() -> None:
    started = datetime.now(UTC) - timedelta(seconds=90)
    said = provenance(device="cpu", dtype="float32", model="pocket-m", fingerprint="abc", started=started)
    assert said["packages"]["numpy"] == metadata.version("numpy")
    assert said["packages"]["torch"] == metadata.version("torch")
    assert 90 <= said["seconds"] < 100
    assert datetime.fromisoformat(said["started"]) <= started < datetime.fromisoformat(said["ended"])
    assert (said["device"], said["dtype"], said["model"], said["fingerprint"]) == ("cpu", "float32", "pocket-m", "abc")
    json.dumps(said, allow_nan=False)


def test_a_package_that_is_absent_has_no_version() -> None:
    assert version("no-such-package-anywhere") is None


def run(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_commit_of_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, "init", "-q")
    assert git(tmp_path) is None  # no commit yet
    (tmp_path / "file").write_text("a")
    run(tmp_path, "add", "file")
    run(tmp_path, "commit", "-qm", "first")
    commit = run(tmp_path, "rev-parse", "HEAD")
    assert git(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "result").write_text("new files do not count")
    assert git(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "file").write_text("b")
    assert git(tmp_path) == {"commit": commit, "dirty": True}
    monkeypatch.setenv("GIT_DIR", "/nowhere")  # as inside a git hook
    assert git(tmp_path) == {"commit": commit, "dirty": True}


def test_another_checkout_around_an_installed_package_is_not_ours(tmp_path: Path) -> None:
    run(tmp_path, "init", "-q")
    run(tmp_path, "commit", "-qm", "first", "--allow-empty")
    inside = tmp_path / ".venv" / "lib"
    inside.mkdir(parents=True)
    assert git(inside) is None


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    assert git(tmp_path) is None  # not a repository
    monkeypatch.setenv("PATH", "")
    assert git(tmp_path) is None  # no such program
