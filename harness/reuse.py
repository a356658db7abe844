"""What an earlier run left in a job's folder that need not be made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.errors import InputError
from harness.generations import read_generations
from harness.journal import FILE
from harness.plan import Plan
from harness.progress import say
from harness.reading import BROKEN, load
from harness.results import MADE, read_job
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


def reusable(folder: Path, key: str) -> pd.DataFrame | None:
    """The generations that a folder holds, if they were made under this key (`World.decoding`) and can be read."""
    if _about(folder).get("decoding") != key:
        return None
    try:
        return read_generations(folder)
    except FileNotFoundError:
        return None
    except BROKEN as error:
        say(f"{folder}: its generations cannot be read ({error}); they are decoded again")
        return None


def recovered(world: World, label: str, frame: pd.DataFrame) -> dict[bytes, Stored]:
    """What a job's generations.parquet holds, by the keys of its requests."""
    keys = {(r.prompt.id, r.sample): world.keys[r] for r in world.requests[label]}
    found = {}
    for row in frame.to_dict("records"):
        values = np.stack([np.asarray(row[name], dtype=np.float32) for name in VALUES], axis=1)
        score = None if np.isnan(row["score"]) else float(row["score"])
        tokens = tuple(np.asarray(row["tokens"]).tolist())
        found[keys[row["prompt_id"], row["sample"]]] = Stored(tokens, values, row["finish"], score)
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
