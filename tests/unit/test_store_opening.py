"""Opening a store: which kind a name means, and what is said before anything slow begins."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.store import check_store, look_into, open_store
from harness.store.folder import FolderStore
from harness.store.sqlite import SqliteStore
from tests.stores import start


@pytest.mark.parametrize("name", ["a.sqlite", "a.sqlite3", "a.db", "new/below/a.SQLite"])
def test_some_names_are_files(tmp_path: Path, name: str) -> None:
    check_store(tmp_path / name)
    assert list(tmp_path.iterdir()) == []  # a check makes nothing
    with pytest.raises(InputError, match="there is no such store"):
        look_into(tmp_path / name)
    assert isinstance(open_store(str(tmp_path / name)), SqliteStore)
    assert (tmp_path / name).is_file()
    check_store(tmp_path / name)
    assert isinstance(look_into(tmp_path / name), SqliteStore)


@pytest.mark.parametrize("name", ["a", "a.gen", "new/below/a", "sqlite", ".db", "T=0.7"])
def test_all_others_are_folders(tmp_path: Path, name: str) -> None:
    check_store(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="there is no such store"):
        look_into(tmp_path / name)
    assert isinstance(open_store(tmp_path / name), FolderStore)
    assert (tmp_path / name / "store.json").is_file()
    check_store(tmp_path / name)
    assert isinstance(look_into(tmp_path / name), FolderStore)


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    open_store("~/a.sqlite").close()
    assert (tmp_path / "a.sqlite").is_file()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "folder.sqlite",
            r"this is a folder; names that end in \.sqlite, \.sqlite3, \.db are files, all others folders$",
        ),
        ("file", r"this is a file; names that end in"),
        ("file/below", r"/file is no folder$"),
        ("file/below.db", r"/file is no folder$"),
        ("full", r"this folder holds something else than a store"),
        ("text.sqlite", r"this is no SQLite file"),
        ("x" * 300, r"cannot be read or written \(File name too long\)$"),
        ("x" * 300 + ".db", r"cannot be read or written \(File name too long\)$"),
        ("a\0b", r"this is no path$"),
    ],
)
def test_what_cannot_be_a_store_is_named(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "folder.sqlite").mkdir()
    (tmp_path / "full").mkdir()
    for file in ("file", "full/notes.txt", "text.sqlite"):
        (tmp_path / file).write_text("somebody else's " * 50)
    before = sorted(tmp_path.rglob("*"))
    for call in (check_store, open_store):
        with pytest.raises(InputError, match=says) as error:
            call(tmp_path / name, "resume")
        assert "resume=" in str(error.value)
        assert str(tmp_path) in str(error.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that another user reaches too; those of pytest are the user's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for inner, _, _ in os.walk(folder):
        Path(inner).chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.skipif(os.name != "posix", reason="rights are others elsewhere")
@pytest.mark.parametrize(
    ("name", "modes", "says"),
    [
        (
            "old.sqlite",
            {".": 0o777, "old.sqlite": 0o444},
            "cannot be written to (attempt to write a readonly database)",
        ),
        (
            "old.sqlite",
            {"old.sqlite": 0o666, ".": 0o555},
            "cannot be written to (attempt to write a readonly database)",
        ),
        ("new.sqlite", {".": 0o555}, "nothing can be made in "),
        ("new/below.sqlite", {".": 0o555}, "nothing can be made in "),
        ("old", {".": 0o777, "old": 0o555}, "cannot be read or written (Permission denied)"),
        ("new", {".": 0o555}, "nothing can be made in "),
    ],
)
def test_what_cannot_be_written_is_said_at_once(open_to_all: Path, name: str, modes: dict[str, int], says: str) -> None:
    open_store(open_to_all / "old.sqlite").close()
    open_store(open_to_all / "old")
    for file, mode in modes.items():
        (open_to_all / file).chmod(mode)
    (said, _) = start("open_as_another", open_to_all / name).communicate()
    checked, opened = said.splitlines()
    assert checked == opened
    assert checked.startswith(f"store={open_to_all / name}: ")
    assert says in checked
