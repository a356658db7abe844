"""From the path that a user gives to a store, or to one sentence that says why there is none."""

from __future__ import annotations

import os
from pathlib import Path

from harness.errors import InputError
from harness.store.base import Store
from harness.store.complaints import of_system
from harness.store.folder import FolderStore
from harness.store.sqlite import SqliteStore

FILES = (".sqlite", ".sqlite3", ".db")
"""How names of files end; any other name is that of a folder."""


def open_store(path: str | Path, key: str = "store") -> Store:
    """Open a store, or make it: one file if its name ends as `FILES` do, a folder if not.

    Args:
        path: of the file or folder; what it lies in is made too.
        key: of the config, for messages.

    Raises:
        InputError: it cannot be opened, made or written, or is something else; nothing of that is changed.
    """
    name, place = f"{key}={path}", Path(path).expanduser()
    _check(place, name)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{name}: {of_system(error)}") from error
    return SqliteStore(place, name) if _is_file(place) else FolderStore(place, name)


def check_store(path: str | Path, key: str = "store") -> None:
    """Find out, before anything slow begins, whether `open_store` will do; make nothing.

    Raises:
        InputError: see `open_store`.
    """
    name, place = f"{key}={path}", Path(path).expanduser()
    if _check(place, name):
        open_store(path, key).close()


def look_into(path: str | Path) -> Store:
    """Open a store that is there to read it: nothing is made and nothing removed, and it may be read-only.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    name, place = str(path), Path(path).expanduser()
    if not _check(place, name):
        raise InputError(f"{name}: there is no such store")
    return SqliteStore(place, name, writing=False) if _is_file(place) else FolderStore(place, name, writing=False)


def _is_file(place: Path) -> bool:
    return place.suffix.lower() in FILES


def _check(place: Path, name: str) -> bool:
    """Whether something is there; it, or what it would lie in, is of the right kind.

    Raises:
        InputError: it is not.
    """
    if "\0" in name:
        raise InputError(f"{name!r}: this is no path")
    try:
        there = place.exists()
        nearest = next(each for each in (place, *place.absolute().parents) if each.exists())
        wrong = there and place.is_dir() == _is_file(place)
        nowhere = not there and not nearest.is_dir()
    except OSError as error:  # such as a name that is too long
        raise InputError(f"{name}: {of_system(error)}") from error
    if wrong:
        kind = "folder" if nearest.is_dir() else "file"
        raise InputError(
            f"{name}: this is a {kind}; names that end in {', '.join(FILES)} are files, all others folders"
        )
    if nowhere:
        raise InputError(f"{name}: {nearest} is no folder")
    if not there and not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"{name}: nothing can be made in {nearest}, which cannot be written to")
    return there
