"""`resume`: which folder a command goes on in. Imports nothing slow: it is asked before Hydra composes."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.errors import InputError

KEY = "resume="
_PLACES = ("hydra.run.dir=", "hydra.sweep.dir=")
_RESULTS = Path("results")  # where conf/hydra puts runs


def arguments() -> list[str]:
    """The command line of this process without what says where it writes: what makes two commands the same."""
    return plain(sys.argv[1:])


def plain(given: Sequence[str]) -> list[str]:
    """Arguments without those that say where a run writes, or that it goes on."""
    return [each for each in given if not each.lstrip("+").startswith((KEY, *_PLACES))]


def command_to_resume(folder: Path) -> str:
    """What goes on with the run that writes to a folder, ready to paste."""
    return shlex.join(["python", "-m", "harness", *arguments(), f"{KEY}{folder}"])


def placed(given: Sequence[str]) -> list[str]:
    """The arguments for Hydra, with the folder that `resume` stands for where it stands for one.

    `resume=true` is the newest run in results/ of the same command, finished or not, and a new one if there is none;
    `resume=FOLDER` is that one. Where the arguments name a folder of their own, true is that one.

    Raises:
        InputError: there is no such folder, or no run lies in it; or a folder is named twice.
    """
    values = [each.lstrip("+").removeprefix(KEY) for each in given if each.lstrip("+").startswith(KEY)]
    value = values[-1].strip("'\"") if values else ""
    if value.lower() in ("", "null", "false"):
        return list(given)
    own = [each for each in given if each.lstrip("+").startswith(_PLACES)]
    if value.lower() == "true":
        folder = None if own else _newest(plain(given))
        return list(given) if folder is None else [*given, *map(_override, _PLACES, [folder, folder])]
    folder = Path(value)
    given = [f"{KEY}true" if each.lstrip("+").startswith(KEY) else each for each in given]  # a path may not parse
    if own:
        raise InputError(f"{KEY}{value}: it names the folder, and so does {own[0]}")
    if not (folder / "sweep.json").is_file():
        raise InputError(
            f"{KEY}{value}: no run lies there (no sweep.json); allowed: true, false or the folder of a run"
        )
    before = _arguments(folder / "sweep.json")
    if before is not None and before != plain(given):
        raise InputError(
            f"{KEY}{value}: another command ran there ({shlex.join(before)}); hydra.run.dir or hydra.sweep.dir would "
            "write there all the same"
        )
    return [*given, *map(_override, _PLACES, [folder, folder])]


def _override(key: str, folder: Path) -> str:
    quoted = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    return f"{key}'{quoted}'"


def _newest(wanted: list[str]) -> Path | None:
    """The newest run in results/ of a command."""
    try:
        places = sorted(_RESULTS.glob("*/sweep.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:
        return None
    return next((place.parent for place in places if _arguments(place) == wanted), None)


def _arguments(file: Path) -> list[str] | None:
    """Of the command that ran, as its sweep.json has them; None where it has none."""
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = about.get("arguments") if isinstance(about, dict) else None
    return list(map(str, found)) if isinstance(found, list) else None
