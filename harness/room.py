"""Whether a disk has room for what is to be written, asked before anything is decoded."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from harness.errors import InputError

TOKEN = 80
"""Bytes of a token with its values, at most: in the store of finished generations, and again in generations.parquet."""

TEXT = 600
"""Bytes of a generation beside its tokens: keys, prompt, text."""


def check_disk(places: Mapping[str, Path], generations: int, tokens: int) -> None:
    """Raise InputError if a disk has less room than generations of full length may take.

    Args:
        places: what each folder or file is for -> where it is, or will be.
        generations: to be written.
        tokens: of all of them, if none ends early.
    """
    need = generations * TEXT + tokens * TOKEN
    for what, place in places.items():
        existing = next(each for each in (place, *place.absolute().parents) if each.exists())
        free = shutil.disk_usage(existing).free
        if free < need:
            raise InputError(
                f"{what} {place}: the disk has {_megabytes(free)} MB left; "
                f"{generations} generations of full length take up to {_megabytes(need)} MB"
            )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f}"
