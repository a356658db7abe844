"""Whether all of a store is whole."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import InputError
from harness.store.base import Store
from harness.store.sqlite import SqliteStore

_BATCH = 1000


@dataclass(frozen=True)
class Health:
    """What a look at every entry found."""

    entries: int
    size: int  # bytes
    broken: int
    damage: str | None  # of the file beside what is wrong with entries

    def __str__(self) -> str:
        return f"{self.entries:,} entries, {self.size:,} bytes, {self.broken:,} broken"


def examine(store: Store) -> Health:
    """Read every entry, and of an SQLite file what lies between them."""
    entries, before, damage = 0, store.broken, None
    batch: list[bytes] = []
    try:
        for key in store.all_keys():
            entries += 1
            batch.append(key)
            if len(batch) == _BATCH:
                store.get(batch)
                batch = []
        store.get(batch)
        if isinstance(store, SqliteStore):
            damage = store.damage()
    except InputError as error:
        damage = str(error)
    return Health(entries, store.size(), store.broken - before, damage)
