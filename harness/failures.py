"""failures.json: the requests of a job that could not be decoded, and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.atomic import write_json
from harness.errors import InputError
from harness.reading import expect, load

if TYPE_CHECKING:  # a report loads no model code
    from harness.requests import Generation

FILE = "failures.json"


def write_failures(folder: Path, failed: Sequence[Generation]) -> None:
    """Write what failed; nothing failed, no file."""
    (folder / FILE).unlink(missing_ok=True)
    if failed:
        write_json(folder / FILE, list(map(_entry, failed)))


def _entry(generation: Generation) -> dict[str, Any]:
    request, failure = generation.request, generation.failure
    notes = getattr(failure, "__notes__", None)  # the traceback of what a strategy raised (`harness.faults`)
    return {
        "prompt_id": request.prompt.id,
        "seed": request.seed,
        "sample": request.sample,
        "step": len(generation.tokens),
        "error": str(failure),
        "traceback": "\n".join(notes) if notes else None,
    }


def read_failures(folder: Path) -> list[dict[str, Any]]:
    """What failed in a job: entries of prompt_id, seed, sample, step, error and traceback.

    Raises:
        InputError: the file cannot be read, or is not what a run leaves.
    """
    if not (folder / FILE).exists():
        return []
    found = load(folder / FILE)
    try:
        expect(FILE, found, list)
        for each in found:
            expect(f"{FILE}: an entry", each, dict)
            expect(f"{FILE}: error", each.get("error"), str)
    except ValueError as error:
        raise InputError(f"{folder / FILE}: not what a run leaves ({error})") from error
    return list(found)


def summary(failed: Sequence[dict[str, Any]], good: int) -> str:
    """One sentence on what failed, beside so many generations that did not."""
    count = f"{len(failed)} of {len(failed) + good} generations failed"
    return f"{count}{' and are left out, so that it is not ranked' if good else ''}; the first: {failed[0]['error']}"
