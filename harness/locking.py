"""One process at a time writes to a results folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from harness.errors import InputError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder; the system lets go of it when the process dies, however it dies.

    Raises:
        InputError: another process holds it.
    """
    file = folder / ".lock"
    lock = FileLock(file, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"{folder}: another run is writing there now; wait for it, or choose another folder") from None
    try:
        yield
    finally:
        with suppress(OSError):  # while it is held: nobody else's
            file.unlink()
        lock.release()
