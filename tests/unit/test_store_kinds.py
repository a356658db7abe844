"""What every store promises, asked of both kinds."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.errors import InputError
from harness.store import Store, Stored, open_store
from tests.stores import entries_of, entry_of, key_of, same, whole


@pytest.fixture(params=["generations.sqlite", "generations"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / "new" / str(request.param)


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = open_store(path)
    yield opened
    opened.close()


def spoil(path: Path, number: int, data: bytes = b"spoilt") -> None:
    """Put other bytes in the place of an entry, as nobody should."""
    if path.is_dir():
        name = key_of(number).hex()
        (path / name[:2] / f"{name[2:]}.gen").write_bytes(data)
    else:
        with sqlite3.connect(path) as plain:
            plain.execute("UPDATE entries SET entry = ? WHERE key = ?", (data, key_of(number)))
        plain.close()


def test_what_is_put_is_there(path: Path, store: Store) -> None:
    assert (len(store), store.get([key_of(1)]), store.broken) == (0, {}, 0)
    store.put(entries_of(range(600)))
    assert whole(store, range(-5, 620)) == set(range(600))
    again = open_store(path)
    assert whole(again, range(620)) == set(range(600))
    assert (len(again), again.broken) == (600, 0)
    assert sorted(again.all_keys()) == sorted(map(key_of, range(600)))
    assert again.size() >= sum(4 * len(entry_of(n).tokens) for n in range(600))
    again.close()


def test_nothing_is_asked_and_nothing_put(store: Store) -> None:
    store.put({})
    assert store.get([]) == {}
    assert list(store.all_keys()) == []


def test_the_first_that_is_put_stays(store: Store) -> None:
    store.put({key_of(0): entry_of(1)})
    store.put({key_of(0): entry_of(2), key_of(3): entry_of(3)})
    assert same(store.get([key_of(0)])[key_of(0)], entry_of(1))
    assert len(store) == 2


def test_a_broken_entry_is_counted_and_removed_and_can_be_put_again(path: Path, store: Store) -> None:
    store.put(entries_of(range(10)))
    spoil(path, 3)
    spoil(path, 4, b"")
    assert whole(store, range(10)) == set(range(10)) - {3, 4}
    assert (store.broken, len(store)) == (2, 8)
    assert whole(store, range(10)) == set(range(10)) - {3, 4}
    assert store.broken == 2
    store.put(entries_of([3, 4]))
    assert whole(store, range(10)) == set(range(10))


def test_an_entry_under_the_key_of_another_is_broken(path: Path, store: Store) -> None:
    from harness.store.entry import pack

    store.put(entries_of(range(2)))
    spoil(path, 0, pack(key_of(1), entry_of(1)))
    assert whole(store, range(2)) == {1}
    assert store.broken == 1


def test_with_one_that_is_no_generation_nothing_is_put(store: Store) -> None:
    failed = Stored((), np.zeros((0, 7), np.float32), "failed", None)
    with pytest.raises(ValueError, match="failed"):
        store.put({**entries_of(range(3)), key_of(3): failed})
    assert len(store) == 0


def test_nothing_of_a_store_is_a_pickle(path: Path, store: Store) -> None:
    store.put(entries_of(range(3)))
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    for file in files:
        assert b"\x80\x04\x95" not in file.read_bytes()  # how pickles of protocol 4 and 5 begin


def test_a_full_disk_is_one_sentence(path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(entries_of(range(5)))
    if path.is_dir():

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_bytes", full)
            with pytest.raises(InputError, match=r"^store=.*generations: the disk is full: free some space"):
                store.put(entries_of(range(100)))
    else:
        database = store._db  # type: ignore[attr-defined]
        database.execute("PRAGMA max_page_count=10")
        with pytest.raises(InputError, match=r"^store=.*generations.sqlite: the disk is full: free some space"):
            store.put(entries_of(range(1000)))
        database.execute("PRAGMA max_page_count=1000000")
    assert whole(store, range(100)) == set(range(5))
    store.put(entries_of(range(100)))
    assert whole(store, range(100)) == set(range(100))
