"""What an earlier run left in a job's folder that need not be made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import InputError
from harness.generations import read_written
from harness.journal import FILE
from harness.plan import Plan
from harness.progress import say
from harness.reading import BROKEN, load, said
from harness.results import MADE, References, read_job, read_references, write_references
from harness.store import Stored
from harness.strategies.base import VALUES
from harness.world import World


def complete(folder: Path, key: str) -> bool:
    """Whether a job's folder is complete and was made under this key (`World.measuring`), and can be read."""
    if not (folder / "scores.json").exists() or (folder / "failures.json").exists():
        return False
    if _about(folder).get("measuring") != key:
        return False
    try:
        read_job(folder)
    except InputError as error:
        say(f"{error}; it is made again")
        return False
    return True


class Kept:
    """The references of a sweep that are measured already: those of an earlier run, and those of this one.

    Args:
        folder: the sweep's.
        labels: of the sets that the sweep has, in the order of its tables.
    """

    def __init__(self, folder: Path, labels: Sequence[str]) -> None:
        self._folder, self._labels = folder, list(dict.fromkeys(labels))
        try:
            self._known = {each.label: each for each in read_references(folder)}
        except InputError as error:
            say(f"{error}; they are measured again")
            self._known = {}

    def has(self, key: str, p: Plan) -> bool:
        """Whether the references of a job are there, made under this key (`World.referring`)."""
        return p.reference in self._known and self._known[p.reference].key == key

    def keep(self, references: References) -> None:
        """Write one more set."""
        self._known[references.label] = references
        write_references(self._folder, [self._known[label] for label in self._labels if label in self._known])


def recovered(world: World, p: Plan) -> dict[bytes, Stored]:
    """What a job's generations.parquet holds, by the keys of its requests; nothing if it was made under other keys.

    It is used only as it was written: the file names its key, and its pages have checksums.
    """
    key = world.decoding(p)
    if _about(p.job.folder).get("decoding") != key:
        return {}
    keys = {(r.prompt.id, r.sample): world.keys[r] for r in world.requests[p.label]}
    found = {}
    try:
        for row in read_written(p.job.folder, key).to_dict("records"):
            values = np.stack([np.asarray(row[name], dtype=np.float32) for name in VALUES], axis=1)
            score = None if np.isnan(row["score"]) else float(row["score"])
            tokens = tuple(np.asarray(row["tokens"]).tolist())
            found[keys[row["prompt_id"], row["sample"]]] = Stored(tokens, values, row["finish"], score)
    except FileNotFoundError:
        return {}
    except BROKEN as error:
        say(f"{p.job.folder}: its generations are not as they were written ({said(error)}); they are decoded again")
        return {}
    return found


def forget(folder: Path, plans: Sequence[Plan]) -> None:
    """Remove what could be used again of a sweep: its journal, and what says that jobs are complete."""
    (folder / FILE).unlink(missing_ok=True)
    for p in plans:
        if (p.job.folder / "job.json").exists():
            for stale in MADE:
                (p.job.folder / stale).unlink(missing_ok=True)


def _about(folder: Path) -> Mapping[str, Any]:
    """What job.json says; nothing, if it cannot be read."""
    try:
        about = load(folder / "job.json")
    except InputError:
        return {}
    return about if isinstance(about, dict) else {}
