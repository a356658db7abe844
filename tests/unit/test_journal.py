"""Where finished generations go while a run lasts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from harness import journal
from harness.errors import InputError
from harness.journal import Journal, journal_of
from harness.store import Stored, open_store


class Memory:
    """A store that remembers its transactions."""

    def __init__(self) -> None:
        self.puts: list[set[bytes]] = []
        self.entries: dict[bytes, Stored] = {}
        self.full = self.closed = False
        self.broken = 0

    def get(self, keys: Collection[bytes]) -> dict[bytes, Stored]:
        return {key: self.entries[key] for key in keys if key in self.entries}

    def put(self, entries: Mapping[bytes, Stored]) -> None:
        if self.full:
            raise InputError("the disk is full")
        self.puts.append(set(entries))
        self.entries |= entries

    def all_keys(self) -> Iterator[bytes]:
        return iter(self.entries)

    def size(self) -> int:
        return 0

    def __len__(self) -> int:
        return len(self.entries)

    def close(self) -> None:
        self.closed = True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def stored(token: int = 1) -> Stored:
    return Stored((token,), np.zeros((1, 7), dtype=np.float32), "length", None)


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_a_seconds_worth_is_one_transaction() -> None:
    store, clock = Memory(), Clock()
    with Journal(store, clock) as book:
        for i in range(5):
            clock.now = 0.4 * i
            book.add(key(i), stored())
        assert store.puts == [{key(0), key(1), key(2), key(3)}]  # the fourth came more than a second after the first
    assert store.puts[1:] == [{key(4)}]
    assert store.closed


def test_many_at_once_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "ENTRIES", 3)
    store, clock = Memory(), Clock()
    with Journal(store, clock) as book:
        for i in range(7):
            book.add(key(i), stored())
        assert [len(put) for put in store.puts] == [3, 3]


def test_what_waits_can_be_read() -> None:
    with Journal(Memory(), Clock()) as book:
        book.add(key(1), stored(7))
        assert book.get([key(1), key(2)])[key(1)].tokens == (7,)


def test_keys_are_looked_up_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "PART", 2)
    store, sizes = Memory(), list[int]()

    def get(keys: Collection[bytes]) -> dict[bytes, Stored]:
        sizes.append(len(keys))
        return Memory.get(store, keys)

    monkeypatch.setattr(store, "get", get)
    with Journal(store, Clock()) as book:
        book.add(key(1), stored())
        book.add(key(4), stored())
        assert book.there([key(i) for i in range(5)]) == {key(1), key(4)}
        assert book.there([]) == set()
    assert sizes == [2, 2, 1]


def test_an_error_keeps_what_was_there_before_it() -> None:
    store = Memory()
    with pytest.raises(RuntimeError), Journal(store, Clock()) as book:
        book.add(key(1), stored())
        raise RuntimeError
    assert set(store.entries) == {key(1)}
    assert store.closed


def test_a_full_disk_does_not_hide_the_error_that_came_first() -> None:
    store = Memory()
    with pytest.raises(RuntimeError), Journal(store, Clock()) as book:
        book.add(key(1), stored())
        store.full = True
        raise RuntimeError
    with pytest.raises(InputError, match="full"), Journal(store, Clock()) as book:
        book.add(key(1), stored())


def test_a_sweep_has_a_file_of_its_own_and_a_broken_one_is_started_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with journal_of(tmp_path, None) as book:
        book.add(key(1), stored(5))
    with journal_of(tmp_path, None) as book:
        assert book.get([key(1)])[key(1)].tokens == (5,)
    (tmp_path / journal.FILE).write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with journal_of(tmp_path, None) as book:
        assert book.get([key(1)]) == {}
        book.add(key(1), stored(6))
    with journal_of(tmp_path, None) as book:
        assert book.get([key(1)])[key(1)].tokens == (6,)
    assert "decoded again" in " ".join(capsys.readouterr().err.split())


def test_a_store_is_used_instead_and_never_started_anew(tmp_path: Path) -> None:
    path = tmp_path / "all.sqlite"
    with journal_of(tmp_path, str(path)) as book:
        book.add(key(1), stored())
    assert not (tmp_path / journal.FILE).exists()
    store = open_store(path)
    assert len(store) == 1
    store.close()
    path.write_bytes(b"my thesis")
    with pytest.raises(InputError, match=r"all\.sqlite"):
        journal_of(tmp_path, str(path))
    assert path.read_bytes() == b"my thesis"
