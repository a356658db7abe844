"""The command line of `python -m harness.report`. Imports nothing slow: --help answers at once."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from harness.errors import InputError, did_you_mean

_FLAGS = ("--baseline", "--out", "--show-incomparable", "--help")


@dataclass(frozen=True)
class Asked:
    """What a command line asks for."""

    results: tuple[Path, ...]
    baseline: str | None
    out: Path
    show_incomparable: bool
    command: str  # what asks for it, as one would type it


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """A mistake in the arguments is said as every other is."""
        raise InputError(message)


def parse(arguments: Sequence[str]) -> Asked:
    """What the arguments ask for.

    Raises:
        InputError: an argument is unknown, missing, or names what cannot be there.
    """
    parser = _Parser(
        prog="python -m harness.report",
        description="Compare results, of any day and model: one table, figures and a report, made from their files.",
        epilog="Results are comparable where nothing but strategy and seed differs, which their signatures say.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "results",
        nargs="+",
        type=Path,
        metavar="RESULT",
        help="the folder of a sweep or of a job, or one in which such lie, or an archive of them (.zip, .tar.gz), "
        "which is only read",
    )
    parser.add_argument("--baseline", metavar="LABEL", help="the row that the others are tested against (the first)")
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="where to write (a folder that is given alone; else a new one in results/)",
    )
    parser.add_argument(
        "--show-incomparable", action="store_true", help="show results that may not be ranked against each other"
    )
    given, rest = parser.parse_known_intermixed_args(arguments)
    if rest:
        raise InputError(f"unknown argument {rest[0]}: {did_you_mean(rest[0].partition('=')[0], _FLAGS)}")
    return Asked(
        tuple(given.results),
        given.baseline,
        _writable(given.out, f"--out {given.out}")
        if given.out
        else _writable(_usual(given.results), "--out is not given"),
        given.show_incomparable,
        " ".join(["python -m harness.report", *map(shlex.quote, arguments)]),
    )


def _usual(results: Sequence[Path]) -> Path:
    """Where a report goes if nothing is said: one of a single folder into that, any other beside the runs."""
    if len(results) == 1 and not results[0].is_file():
        return results[0]
    return Path("results") / f"{datetime.now():%Y-%m-%d_%H-%M-%S}_report"


def _writable(folder: Path, said: str) -> Path:
    """The folder, if files can be written there; it is made only with them.

    Raises:
        InputError: it is a file, or lies in one, or may not be written to.
    """
    existing = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not existing.is_dir():
        raise InputError(f"{said}: {existing} is no folder")
    if not os.access(existing, os.W_OK):
        raise InputError(f"{said}: {existing} cannot be written to")
    return folder
