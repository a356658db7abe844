"""A store in one SQLite file, for the processes of one machine."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from harness.errors import InputError
from harness.store.base import Stored
from harness.store.complaints import MOVE_AWAY, busy, code, of_sqlite, unreadable
from harness.store.entry import pack, unpack

T = TypeVar("T")

_APPLICATION = 0x64636873  # "dchs", in SQLite's own place for saying whose file this is
_FORMAT = 1
_TABLE = "CREATE TABLE entries (key BLOB PRIMARY KEY, entry BLOB NOT NULL)"
_PAGE = 16384  # bytes; 50,000 entries of 1.2 kB make 79 MB with pages of 4096, 65 MB with these, 64 MB with larger
_CHUNK = 500  # keys asked for at once; a statement takes 999 in old SQLites
_PATIENCE = 300.0  # seconds to wait for other processes
_FOREIGN = "this SQLite file is no store of generations, and was left as it is: name another file"


class SqliteStore:
    """One file, in which `put` is one transaction.

    A rollback journal and not a write-ahead log, which needs memory that all processes share. `synchronous=EXTRA` is
    FULL and says so to the folder too: without it a power cut can undo the last transaction.

    SQLite's locks are only as good as the file system's: where several machines share one, use a folder
    (`harness.store.folder`). 50,000 generations of 64 tokens: 65 MB, 5 s to put, a thousand at a time, and 2 s to get.
    """

    def __init__(self, path: Path, name: str | None = None, *, writing: bool = True) -> None:
        """Open the file, or make it.

        Args:
            path: of the file; its folder is there.
            name: what messages call it, such as `store=FILE`; the path, if nothing is said.
            writing: if not, nothing is made and no entry removed.

        Raises:
            InputError: it cannot be opened or written, is damaged, or is no such store.
        """
        self._path, self._name, self._writing, self._broken = path, name or str(path), writing, 0
        where = f"{path.absolute().as_uri()}?mode={'rwc' if writing else 'rw'}"
        # A second, then Python has a look at signals; `_patiently` asks again.
        self._db = self._patiently(lambda: sqlite3.connect(where, 1.0, uri=True, isolation_level=None))
        try:
            self._db.text_factory = bytes  # in a damaged file anything may stand anywhere
            self._patiently(self._begin)
        except BaseException:
            self._db.close()
            raise

    def get(self, keys: Collection[bytes]) -> dict[bytes, Stored]:
        """See `Store.get`. Where a page cannot be read, the entries of the others still are."""
        wanted, found = list(keys), {}
        for start in range(0, len(wanted), _CHUNK):
            for key, data in self._read(wanted[start : start + _CHUNK]):
                if entry := unpack(key, data):
                    found[key] = entry
                else:
                    self._broken += 1
                    self._remove(key, data)
        return found

    def put(self, entries: Mapping[bytes, Stored]) -> None:
        """See `Store.put`; all or none."""
        rows = [(key, pack(key, entry)) for key, entry in entries.items()]
        if rows:
            self._patiently(lambda: self._insert(rows))

    def all_keys(self) -> Iterator[bytes]:
        """See `Store.all_keys`."""
        last = b""
        while rows := self._patiently(partial(self._after, last)):
            yield from rows
            if rows[-1] <= last:
                raise InputError(f"{self._name}: the file is damaged (its keys are out of order): {MOVE_AWAY}")
            last = rows[-1]

    @property
    def broken(self) -> int:
        """See `Store.broken`."""
        return self._broken

    def __len__(self) -> int:
        return int(self._patiently(lambda: self._db.execute("SELECT count(*) FROM entries").fetchone())[0])

    def size(self) -> int:
        """See `Store.size`."""
        return self._path.stat().st_size

    def damage(self) -> str | None:
        """What SQLite finds wrong with the file beside what entries say of themselves; reads all of it."""
        try:
            (found,) = self._patiently(lambda: self._db.execute("PRAGMA integrity_check(1)").fetchone())
        except InputError as error:
            return str(error)
        return None if found == b"ok" else f"{self._name}: the file is damaged ({found.decode(errors='replace')})"

    def close(self) -> None:
        """See `Store.close`."""
        self._db.close()

    def _begin(self) -> None:
        """See that the file is a store, and settle how it is written; an empty file becomes one."""
        self._db.execute("PRAGMA trusted_schema=OFF")
        self._db.execute("PRAGMA cell_size_check=ON")
        with self._transaction("DEFERRED"):  # a look, before anything that could change somebody else's file
            there = self._is_store()
        if not self._writing:
            if not there:
                raise InputError(f"{self._name}: {_FOREIGN}")
            return
        self._db.execute(f"PRAGMA page_size={_PAGE}")  # of a new file
        self._db.execute("PRAGMA journal_mode=DELETE")
        self._db.execute("PRAGMA synchronous=EXTRA")
        with self._transaction():
            if not self._is_store():
                self._db.execute(_TABLE)
                self._db.execute(f"PRAGMA application_id={_APPLICATION}")
            self._db.execute(f"PRAGMA user_version={_FORMAT}")  # also to learn now whether the file can be written

    def _is_store(self) -> bool:
        """Whether the file is one; False if it is empty."""
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        tables = [sql for (sql,) in self._db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
        if application == _APPLICATION and version != _FORMAT:
            raise InputError(
                f"{self._name}: a store of format {version}; this harness has {_FORMAT}: name another file"
            )
        if (application, tables) == (_APPLICATION, [_TABLE.encode()]):
            return True
        if application or version or tables:
            raise InputError(f"{self._name}: {_FOREIGN}")
        return False

    def _read(self, keys: Sequence[bytes]) -> list[tuple[bytes, object]]:
        """What stands under keys, of those that are there; None where it cannot be read."""
        marks = ",".join("?" * len(keys))
        query = f"SELECT key, entry FROM entries WHERE key IN ({marks})"
        try:
            return self._waiting(lambda: self._db.execute(query, keys).fetchall())
        except sqlite3.Error as error:
            if code(error) is None:
                raise
            if not unreadable(error):
                raise InputError(f"{self._name}: {of_sqlite(error)}") from error
        if len(keys) == 1:
            return [(keys[0], None)]
        return self._read(keys[: len(keys) // 2]) + self._read(keys[len(keys) // 2 :])

    def _remove(self, key: bytes, data: object) -> None:
        """Delete what was found broken, unless another process has written it anew since; where that can be done."""

        def delete() -> None:
            with self._transaction():
                self._db.execute("DELETE FROM entries WHERE key = ? AND (? IS NULL OR entry IS ?)", (key, data, data))

        if self._writing:
            with suppress(sqlite3.Error):  # a damaged page; the entry is found broken again, and left out again
                self._waiting(delete)

    def _insert(self, rows: Sequence[tuple[bytes, bytes]]) -> None:
        with self._transaction():
            self._db.executemany("INSERT INTO entries VALUES (?, ?) ON CONFLICT DO NOTHING", rows)

    def _after(self, key: bytes) -> list[bytes]:
        query = "SELECT key FROM entries WHERE key > ? ORDER BY key LIMIT 1000"
        return [key for (key,) in self._db.execute(query, (key,)) if isinstance(key, bytes)]

    @contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[None]:
        self._db.execute(f"BEGIN {kind}")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # some errors have ended it already
                self._db.execute("ROLLBACK")
            raise

    def _patiently(self, work: Callable[[], T]) -> T:
        """Do it; what SQLite complains of is said as a user's mistake is."""
        try:
            return self._waiting(work)
        except sqlite3.Error as error:
            if code(error) is None:  # the module's own complaint, about us
                raise
            raise InputError(f"{self._name}: {of_sqlite(error)}") from error

    @staticmethod
    def _waiting(work: Callable[[], T]) -> T:
        """Do it, again while another process is at it."""
        patience = time.monotonic() + _PATIENCE
        while True:
            try:
                return work()
            except sqlite3.Error as error:
                if not busy(error) or time.monotonic() > patience:
                    raise
