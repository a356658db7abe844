"""Where generations go as they end: into a store, a second's worth at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from harness.errors import InputError
from harness.progress import say
from harness.store import Store, Stored, open_store

SECONDS, ENTRIES = 1.0, 512
"""After so long, or so many entries, they are written: what a kill loses. A commit waits for the disk, milliseconds."""

PART = 1024
"""Entries that are read at once: 16 MB of memory, where each has 250 tokens."""

FILE = "decoded.sqlite"
"""The journal of a sweep that has no store: it lies in the sweep's folder until the sweep is complete."""


class Journal:
    """A store that is written to a little at a time.

        with Journal(open_store(path)) as journal:
            journal.add(key, stored)

    Leaving the block writes what is left, also by an exception.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic, name: str = "the store") -> None:
        self.store, self.name, self._clock = store, name, clock
        self.used = False  # whether it holds something of this run
        self._waiting: dict[bytes, Stored] = {}
        self._since = clock()

    def add(self, key: bytes, stored: Stored) -> None:
        """One more; see `Store.put` for what is raised."""
        if not self._waiting:
            self._since = self._clock()
        self.used, self._waiting[key] = True, stored
        if len(self._waiting) >= ENTRIES or self._clock() - self._since >= SECONDS:
            self.flush()

    def get(self, keys: Collection[bytes]) -> dict[bytes, Stored]:
        """Those that are there."""
        self.flush()
        found = self.store.get(keys)
        self.used = self.used or bool(found)
        return found

    def there(self, keys: Sequence[bytes]) -> set[bytes]:
        """Which of them are there and whole, without keeping the entries."""
        return {key for i in range(0, len(keys), PART) for key in self.get(keys[i : i + PART])}

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            self.store.put(self._waiting)
            self._waiting = {}

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.flush()
            else:
                with suppress(InputError):  # that the disk is full too; what ended the run is what its user has to know
                    self.flush()
        finally:
            self.store.close()


def journal_of(folder: Path, store: str | None) -> Journal:
    """The journal of a sweep: the store that was asked for, or a file of the sweep's own.

    Raises:
        InputError: it cannot be opened or written.
    """
    path = folder / FILE
    if store is not None:
        journal = Journal(open_store(store), name=f"store={store}")
        if path.exists():  # the run began without a store
            _move(path, journal)
        return journal
    try:
        return Journal(open_store(path, "journal"), name=str(path))
    except InputError as error:
        if not path.exists():
            raise
        say(f"{error}; what it held is decoded again")
        path.unlink()
        return Journal(open_store(path, "journal"), name=str(path))


def _move(path: Path, journal: Journal) -> None:
    """Put what a sweep's own file holds into its store."""
    try:
        own = open_store(path, "journal")
        keys = list(own.all_keys())
        for i in range(0, len(keys), PART):
            journal.store.put(own.get(keys[i : i + PART]))
        own.close()
    except InputError as error:
        say(f"{error}; what it held is decoded again")
