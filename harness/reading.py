"""What stands in the files of a result folder, checked: of half a file, or somebody else's, one sentence is said."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from harness.errors import InputError

BROKEN = (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, pa.ArrowException)
"""What reading such a file raises."""

LARGEST = 100_000
"""Values of a config; a run's has some hundreds."""

Kind = type | tuple[type, ...]


def load(path: Path) -> Any:
    """The JSON in a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error


def expect(what: str, value: object, kind: Kind) -> None:
    """Raise ValueError if the value is not of this type."""
    if not isinstance(value, kind):
        shown = repr(value)
        raise ValueError(f"{what} is {shown if len(shown) < 80 else type(value).__name__}")


def check_config(config: Any) -> None:
    """Raise ValueError unless this is an effective config, as far as reports read it."""
    expect("config.yaml", config, dict)
    waiting: list[Any] = [config]
    for _ in range(LARGEST):
        if not waiting:
            break
        each = waiting.pop()
        waiting += each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
    else:  # aliases of yaml, which can stand for themselves or grow without end
        raise ValueError(f"config.yaml holds more than {LARGEST} values")
    for key in ("seed", "samples", "max_new_tokens"):
        expect(f"config.yaml: {key}", config.get(key, 0), int)
    for key in ("strategy", "report"):
        expect(f"config.yaml: {key}", config.get(key), (dict, type(None)))


def check_provenance(about: Any) -> None:
    """Raise ValueError unless this is a provenance, as far as reports read it."""
    expect("provenance.json", about, dict)
    for key in ("git", "packages"):
        expect(f"provenance.json: {key}", about.get(key), (dict, type(None)))
    if about.get("git"):
        expect("provenance.json: git.commit", about["git"].get("commit"), str)


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
