"""What stands in the files of a result folder, checked: of half a file, or somebody else's, one sentence is said."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from harness.errors import InputError

BROKEN = (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException)
"""What reading such a file raises."""

Kind = type | tuple[type, ...]


def load(path: Path) -> Any:
    """The JSON in a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error


def expect(what: str, value: object, kind: Kind) -> None:
    """Raise ValueError if the value is not of this type."""
    if not isinstance(value, kind):
        shown = repr(value)
        raise ValueError(f"{what} is {shown if len(shown) < 80 else type(value).__name__}")


def said(error: Exception) -> str:
    """The error in words."""
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) and error.args else str(error)


def read_about(folder: Path) -> dict[str, Any]:
    """A sweep's sweep.json: its name, its command and its jobs, which lie in its folder.

    Raises:
        InputError: it is not what a run leaves.
    """
    path = folder / "sweep.json"
    about = load(path)
    try:
        expect("all of it", about, dict)
        expect("jobs", about.get("jobs"), list)
        for name in about["jobs"]:
            expect("a job", name, str)
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ValueError(f"the job {name!r} lies outside its folder")
        for name in ("name", "command"):
            expect(name, about.get(name, ""), str)
    except ValueError as error:
        raise InputError(f"{path}: not what a run leaves ({error})") from error
    return dict(about)
