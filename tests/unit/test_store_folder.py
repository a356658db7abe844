"""The store in a folder: its files, and folders that are none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.store.entry import pack, unpack
from harness.store.folder import FolderStore
from tests.stores import entries_of, entry_of, key_of, same, whole


def test_an_entry_is_a_file_named_by_its_key(tmp_path: Path) -> None:
    FolderStore(tmp_path / "s").put(entries_of(range(3)))
    name = key_of(1).hex()
    entry = unpack(key_of(1), (tmp_path / "s" / name[:2] / f"{name[2:]}.gen").read_bytes())
    assert entry is not None
    assert same(entry, entry_of(1))
    assert json.loads((tmp_path / "s" / "store.json").read_text()) == {"store": "generations", "format": 1}
    assert sum(file.is_file() for file in (tmp_path / "s").rglob("*")) == 4


@pytest.mark.parametrize("foreign", ["notes.txt", ".git", "ab"])
def test_a_folder_with_something_else_is_left_as_it_is(tmp_path: Path, foreign: str) -> None:
    (tmp_path / foreign).mkdir()
    with pytest.raises(InputError, match=r"^store=F: this folder holds something else .*no store\.json.*: name a new"):
        FolderStore(tmp_path, "store=F")
    assert [file.name for file in tmp_path.iterdir()] == [foreign]


@pytest.mark.parametrize("mark", [b"", b"{", b"[]", b'{"store": "generations", "format": 2}', b"\xff\xfe"])
def test_a_marker_that_says_something_else(tmp_path: Path, mark: bytes) -> None:
    (tmp_path / "store.json").write_bytes(mark)
    with pytest.raises(InputError, match=r"store\.json: this is not what marks a store of this harness, \{"):
        FolderStore(tmp_path)
    assert (tmp_path / "store.json").read_bytes() == mark


def test_what_a_killed_beginner_leaves_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".store.json.0123abcd.tmp").touch()
    store = FolderStore(tmp_path)
    store.put(entries_of(range(3)))
    name = key_of(7).hex()
    (tmp_path / name[:2]).mkdir(exist_ok=True)
    (tmp_path / name[:2] / f".{name[2:]}.gen.0123abcd.tmp").write_bytes(b"half")
    assert len(store) == 3
    assert sorted(store.all_keys()) == sorted(map(key_of, range(3)))
    assert (whole(store, range(9)), store.broken) == ({0, 1, 2}, 0)


def test_an_entry_that_was_written_anew_meanwhile_stays(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put(entries_of([0]))
    store._remove(key_of(0))  # as if it had been broken when it was read
    assert whole(store, [0]) == {0}


def test_things_that_are_no_entries(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put(entries_of(range(3)))
    taken = store._file(key_of(5))
    taken.mkdir(parents=True)  # a folder in the place of an entry
    lone = next(n for n in range(10, 1000) if not store._file(key_of(n)).parent.exists())
    store._file(key_of(lone)).parent.touch()  # a file in the place of a folder
    assert whole(store, [0, 1, 2, 5, lone]) == {0, 1, 2}
    assert store.broken == 1
    with pytest.raises(InputError, match="cannot be read or written"):
        store.put(entries_of([lone]))


def test_to_look_changes_nothing(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "s")
    store.put(entries_of(range(3)))
    store._file(key_of(0)).write_bytes(pack(key_of(1), entry_of(1)))
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    looking = FolderStore(tmp_path / "s", writing=False)
    assert whole(looking, range(3)) == {1, 2}
    assert looking.broken == 1
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


@pytest.mark.skipif(os.name != "posix", reason="elsewhere a folder cannot be opened")
def test_files_and_their_names_are_on_the_disk_when_put_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[tuple[int, int]] = set()
    fsync = os.fsync

    def noted(file: int) -> None:
        about = os.fstat(file)
        synced.add((about.st_dev, about.st_ino))
        fsync(file)

    store = FolderStore(tmp_path)
    monkeypatch.setattr(os, "fsync", noted)
    store.put(entries_of(range(20)))
    wanted = {
        tmp_path,
        *(store._file(key_of(n)) for n in range(20)),
        *(store._file(key_of(n)).parent for n in range(20)),
    }
    assert synced == {(file.stat().st_dev, file.stat().st_ino) for file in wanted}
