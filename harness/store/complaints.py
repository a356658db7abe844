"""What SQLite and the operating system say of a store's files, as sentences that say what to do."""

from __future__ import annotations

import errno
import sqlite3

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_IO = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOLFS)
MOVE_AWAY = "move it away and run again, which decodes what was in it"
_FULL = "the disk is full: free some space and run again"


def code(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code; None if the error is not SQLite's own."""
    extended = getattr(error, "sqlite_errorcode", None)
    return None if extended is None else extended & 0xFF


def busy(error: sqlite3.Error) -> bool:
    """Whether another process is at it: wait, and try again."""
    return code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def unreadable(error: sqlite3.Error) -> bool:
    """Whether it is a part of the file that cannot be read; others may."""
    return code(error) in (*_DAMAGED, *_IO)


def of_sqlite(error: sqlite3.Error) -> str:
    """What is wrong with the file, and what to do."""
    found = code(error)
    if found == sqlite3.SQLITE_FULL:
        return _FULL
    if found == sqlite3.SQLITE_NOTADB:
        return "this is no SQLite file, or its head is damaged; it was left as it is: name another file"
    if found in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return f"it cannot be written to ({error})"
    if found == sqlite3.SQLITE_CANTOPEN:
        return f"it cannot be opened, or nothing can be written beside it ({error})"
    if found in _IO:
        return f"it cannot be read or written ({error}); on file systems that machines share, let the store be a folder"
    if busy(error):
        return f"another process holds it ({error}); wait for its end and run again"
    return f"the file is damaged ({error}): {MOVE_AWAY}"


def of_system(error: OSError) -> str:
    """What is wrong with the folder or a file in it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _FULL
    return f"it cannot be read or written ({error.strerror or error})"
