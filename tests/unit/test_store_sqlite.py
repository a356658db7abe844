"""The store in one SQLite file: what SQLite itself says of it, and files that are none."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.store import sqlite
from harness.store.entry import unpack
from harness.store.sqlite import SqliteStore
from tests.stores import entries_of, entry_of, key_of, same, whole


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a%20b?c#d.sqlite"  # none of which means anything


def filled(path: Path, count: int = 300) -> bytes:
    store = SqliteStore(path)
    store.put(entries_of(range(count)))
    store.close()
    return path.read_bytes()


def test_plain_sqlite_reads_it(path: Path) -> None:
    filled(path)
    plain = sqlite3.connect(path)
    assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert plain.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert plain.execute("PRAGMA page_size").fetchone() == (16384,)
    assert plain.execute("PRAGMA application_id").fetchone() == (int.from_bytes(b"dchs", "big"),)
    rows = dict(plain.execute("SELECT key, entry FROM entries"))
    plain.close()
    assert set(rows) == set(map(key_of, range(300)))
    for number in range(300):
        entry = unpack(key_of(number), rows[key_of(number)])
        assert entry is not None
        assert same(entry, entry_of(number))
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # and nothing beside it


def test_a_put_is_all_or_none(path: Path) -> None:
    filled(path, 3)
    store = SqliteStore(path)
    store._db.execute("PRAGMA max_page_count=3")
    with pytest.raises(InputError, match="the disk is full"):
        store.put(entries_of(range(1000)))
    store.close()
    assert len(SqliteStore(path)) == 3


@pytest.mark.parametrize("size", [2, 15, 16, 99, 100, 101, 511, 512, 513, 4096, 70_000])
@pytest.mark.parametrize("content", [b"\0", b"x", b"SQLite format 3\0"])
def test_a_file_that_is_no_sqlite_file_is_left_as_it_is(path: Path, size: int, content: bytes) -> None:
    # (One of a single byte is empty to SQLite.)
    data = (content * size)[:size]
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"^store=F: .*(no SQLite file|damaged|no store of generations)"):
        SqliteStore(path, "store=F")
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE entries (key BLOB PRIMARY KEY, entry BLOB NOT NULL)",  # without our name on it
        "CREATE TABLE t (x)",
        "PRAGMA journal_mode=WAL; CREATE TABLE t (x)",
        "PRAGMA user_version=1",
        f"PRAGMA application_id={sqlite._APPLICATION}; PRAGMA user_version=1",  # with our name, and nothing else
    ],
)
def test_another_database_is_left_as_it_is(path: Path, script: str) -> None:
    plain = sqlite3.connect(path)
    plain.executescript(script)
    plain.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"^store=F: this SQLite file is no store of generations, and was left"):
        SqliteStore(path, "store=F")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE more (x)",
        "CREATE TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM entries; END",
        "DROP TABLE entries; CREATE VIEW entries AS SELECT 1 AS key, 2 AS entry",
    ],
)
def test_a_store_to_which_something_was_added_is_none(path: Path, script: str) -> None:
    filled(path, 3)
    plain = sqlite3.connect(path)
    plain.executescript(script)
    plain.close()
    with pytest.raises(InputError, match="no store of generations"):
        SqliteStore(path)


def test_a_store_of_another_format_says_which(path: Path) -> None:
    filled(path, 3)
    plain = sqlite3.connect(path)
    plain.execute("PRAGMA user_version=7")
    plain.close()
    with pytest.raises(InputError, match=r"a store of format 7; this harness has 1: name another file$"):
        SqliteStore(path)


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    with pytest.raises(InputError, match="no store of generations"):
        SqliteStore(path, writing=False)
    filled(path, 3)
    assert whole(SqliteStore(path), range(5)) == {0, 1, 2}


def test_a_truncated_file_is_damaged(path: Path) -> None:
    data = filled(path)
    for size in (2, 50, 100, 5000, len(data) // 2, len(data) - 16384):
        path.write_bytes(data[:size])
        with pytest.raises(InputError, match=rf"^{path.parent}.*(damaged|no SQLite file)"):
            SqliteStore(path).get([key_of(0)])
        assert path.read_bytes() == data[:size]


def test_what_can_be_read_around_a_damaged_page_is_given(path: Path) -> None:
    data = bytearray(filled(path))
    plain = sqlite3.connect(path)
    leaf = plain.execute("SELECT pageno FROM dbstat WHERE name = 'entries' AND pagetype = 'leaf'").fetchall()[1][0]
    plain.close()
    data[(leaf - 1) * 16384 : leaf * 16384] = bytes(16384)
    path.write_bytes(data)
    store = SqliteStore(path)
    there = whole(store, range(310))
    lost = set(range(300)) - there
    assert len(there) > 200
    assert lost
    assert store.broken == len(lost)
    assert store.damage() is not None
    store.put(entries_of(range(300, 400)))  # other pages still take entries
    assert whole(store, range(300, 400)) == set(range(300, 400))
    store.close()


def test_damage_under_an_open_store(path: Path) -> None:
    size = len(filled(path))
    store = SqliteStore(path)
    path.write_bytes(bytes(size))
    assert store.get([key_of(n) for n in range(20)]) == {}
    with pytest.raises(InputError, match=r"damaged|no SQLite file"):
        store.put(entries_of(range(1000, 1003)))
    store.close()


def test_it_waits_for_another_process(path: Path) -> None:
    filled(path, 3)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    end = threading.Timer(1.3, lambda: other.execute("COMMIT"))  # longer than SQLite itself waits here
    end.start()
    began = time.monotonic()
    store = SqliteStore(path)
    store.put(entries_of(range(3, 6)))
    assert time.monotonic() - began > 1
    assert whole(store, range(6)) == set(range(6))
    store.close()
    end.join()
    other.close()


def test_it_does_not_wait_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path, 3)
    store = SqliteStore(path, "store=F")
    monkeypatch.setattr(sqlite, "_PATIENCE", 0.1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert whole(store, range(3)) == {0, 1, 2}  # reading goes on
    with pytest.raises(InputError, match=r"^store=F: another process holds it \(database is locked\)"):
        store.put(entries_of(range(5)))
    other.execute("ROLLBACK")
    store.put(entries_of(range(5)))
    assert len(store) == 5
    other.close()
    store.close()


def test_a_fault_of_ours_is_not_said_to_be_the_file(path: Path) -> None:
    store = SqliteStore(path)
    store.close()
    with pytest.raises(sqlite3.ProgrammingError):
        store.get([key_of(0)])
    with pytest.raises(sqlite3.ProgrammingError):
        store.put(entries_of([0]))
