"""The command line of `python -m harness.store`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from harness.errors import ChecksFailed, InputError
from harness.store.examine import examine
from harness.store.opening import look_into


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """A mistake in the arguments is said as every other is."""
        raise InputError(message)


def run(arguments: Sequence[str]) -> None:
    """Print how many entries a store has, its size, and how many entries are broken.

    Raises:
        InputError: an argument is wrong, or there is no store that can be read.
        ChecksFailed: an entry is broken, or the file is damaged.
    """
    parser = _Parser(
        prog="python -m harness.store",
        description="Read every entry of a store of generations and compare it with its checksum. Nothing is changed.",
        epilog="Exits with 1 if an entry is broken. A sweep that wants a broken entry decodes it again.",
        allow_abbrev=False,
    )
    parser.add_argument("store", metavar="PATH", help="a file (.sqlite, .sqlite3, .db) or a folder")
    path = parser.parse_args(arguments).store
    store = look_into(path)
    try:
        health = examine(store)
    finally:
        store.close()
    print(f"{path}: {health}")
    if health.damage:
        raise ChecksFailed(health.damage)
    if health.broken:
        raise ChecksFailed(f"{path}: {health.broken:,} broken entries; a sweep that wants them decodes them again")
