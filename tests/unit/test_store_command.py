"""python -m harness.store."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import ChecksFailed, InputError
from harness.store import open_store
from harness.store.command import run
from tests.stores import ROOT, entries_of, key_of


@pytest.fixture(params=["s.sqlite", "s"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    store = open_store(tmp_path / request.param)
    store.put(entries_of(range(1030)))
    store.close()
    return Path(tmp_path / request.param)


def size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else sum(file.stat().st_size for file in path.glob("*/*.gen"))


def test_a_whole_store(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run([str(path)])
    assert capsys.readouterr().out == f"{path}: 1,030 entries, {size(path):,} bytes, 0 broken\n"


def test_broken_entries_are_counted_and_left(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (3, 4):
        if path.is_file():
            with sqlite3.connect(path) as plain:
                plain.execute("UPDATE entries SET entry = x'00' WHERE key = ?", (key_of(number),))
            plain.close()
        else:
            name = key_of(number).hex()
            (path / name[:2] / f"{name[2:]}.gen").write_bytes(b"")
    for _ in range(2):
        with pytest.raises(
            ChecksFailed, match=rf"^{path}: 2 broken entries; a sweep that wants them decodes them again"
        ):
            run([str(path)])
        assert capsys.readouterr().out == f"{path}: 1,030 entries, {size(path):,} bytes, 2 broken\n"


def test_a_file_that_is_damaged_between_its_entries(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    store = open_store(path)
    store.put(entries_of(range(300)))
    store.close()
    plain = sqlite3.connect(path)  # a row that its index does not know
    plain.executescript(
        "PRAGMA writable_schema=ON; UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master "
        "WHERE name = 'entries') WHERE name LIKE 'sqlite_autoindex%'"
    )
    plain.close()
    with pytest.raises((ChecksFailed, InputError), match="damaged"):
        run([str(path)])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "the following arguments are required: PATH"),
        (["a", "b"], "unrecognized arguments: b"),
        (["none"], "none: there is no such store"),
    ],
)
def test_mistakes_are_named(arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=says):
        run(arguments)
    assert list(tmp_path.iterdir()) == []


def test_as_a_command_it_exits_with_1_and_loads_no_torch(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"not this " * 100)
    code = (
        "import sys; from harness.store.__main__ import main\n"
        "try: main()\nfinally: assert not {'torch', 'pandas', 'transformers'} & set(sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: {path}: this is no SQLite file")
    assert ended.stderr.count("\n") == 1
