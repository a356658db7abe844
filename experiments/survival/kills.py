"""Kill a sweep (-9) at random moments, resume it to its end, and compare with a run that nobody disturbed.

    python -m experiments.survival.kills --kills 120

Every attempt is a child of one process that has imported everything, so that an attempt costs no imports. What each
attempt decodes is logged, and before each the journal is read with plain SQLite: so it is known what was committed when
the process before was killed, and a generation that was must never be decoded again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HYDRA_FULL_ERROR": "1"}

SWEEP = (
    "-m",
    "strategy=greedy,temperature,top_p,beam",
    "model=pocket-s",
    "metrics=[repetition,distinct,perplexity,length]",
    "report.figures=false",
)
TOLD_APART = ("provenance.json", "multirun.yaml", "sweep.json", "config.yaml", "report.html", "report.md")
"""Files that hold times, or the command with its folder; all others have to be equal byte for byte."""


@dataclass
class Count:
    """What happened."""

    kills: int = 0
    sweeps: int = 0
    attempts: int = 0
    decoded: int = 0  # generations, over all attempts
    needed: int = 0  # those of undisturbed runs
    committed_again: int = 0  # decoded though the journal had them: must be 0
    killed_while: Counter[str] = field(default_factory=Counter)
    differing: list[str] = field(default_factory=list)


def run(arguments: Sequence[str], log: Path, seconds: float | None = None) -> int:
    """One attempt in a child process; its exit code, -9 if it was killed after so many seconds."""
    child = os.fork()
    if child == 0:
        _attempt(arguments, log)
    end = None if seconds is None else time.monotonic() + seconds
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if end is not None and time.monotonic() >= end:
            os.kill(child, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        time.sleep(0.002)


def _attempt(arguments: Sequence[str], log: Path) -> None:
    """Be the harness, quietly, with a log of the keys of what is decoded; never returns."""
    from harness import __main__ as command
    from harness.journal import Journal

    add, file = Journal.add, os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def logged(self: Journal, key: bytes, stored: Any) -> None:
        os.write(file, f"{key.hex()}\n".encode())
        add(self, key, stored)

    Journal.add = logged  # type: ignore[method-assign]
    sys.argv[1:] = list(arguments)
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(os.open(f"{log}.err", os.O_WRONLY | os.O_APPEND | os.O_CREAT), 2)
        command.main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        os._exit(code)


def committed(folder: Path) -> set[str]:
    """The keys in the journal of a sweep, as plain SQLite reads them."""
    from harness.journal import FILE

    if not (folder / FILE).exists():
        return set()
    with closing(sqlite3.connect(folder / FILE, timeout=60)) as connection:
        try:
            return {key.hex() for (key,) in connection.execute("select key from entries")}
        except sqlite3.OperationalError:  # killed before the table was there
            return set()


def stage(folder: Path) -> str:
    """What a sweep was at when it was killed."""
    jobs = list(folder.glob("*/job.json"))
    if not (folder / "sweep.json").exists():
        return "before decoding"
    if len(list(folder.glob("*/generations.parquet"))) < 4 or len(jobs) < 4:
        return "decoding"
    return "measuring" if len(list(folder.glob("*/scores.json"))) < 4 else "reporting"


def lines(log: Path) -> list[str]:
    """The keys in a log, but for one that a kill cut."""
    return [line for line in log.read_text().splitlines() if len(line) == 64] if log.exists() else []


def files(folder: Path) -> dict[str, bytes]:
    """The files of a sweep that have to be equal."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name not in TOLD_APART)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def torture(kills: int, seed: int, more: Sequence[str], place: Path) -> Count:
    """Sweeps that are killed and resumed until there have been so many kills."""
    chance, count = random.Random(seed), Count()
    sweep = [*SWEEP, *more]
    undisturbed, log = place / "undisturbed", place / "undisturbed.log"
    start = time.monotonic()
    if code := run([*sweep, f"hydra.sweep.dir={undisturbed}"], log):
        raise SystemExit(f"the undisturbed run ended with {code}: {Path(f'{log}.err').read_text()}")
    lasts = time.monotonic() - start
    expected, needed = files(undisturbed), len(lines(log))
    while count.kills < kills:
        count.sweeps += 1
        folder, log = place / str(count.sweeps), place / f"{count.sweeps}.log"
        while True:
            had, before = committed(folder), len(lines(log))
            limit = chance.uniform(0, lasts) if count.kills < kills else None
            code = run([*sweep, f"hydra.sweep.dir={folder}"], log, limit)
            count.attempts += 1
            now = lines(log)[before:]
            count.decoded += len(now)
            count.committed_again += len(had & set(now)) + len(now) - len(set(now))
            if code != -signal.SIGKILL:
                break
            count.kills += 1
            count.killed_while[stage(folder)] += 1
        if code:
            raise SystemExit(f"sweep {count.sweeps} ended with {code}: {Path(f'{log}.err').read_text()}")
        count.needed += needed
        found = files(folder)
        differ = [name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)]
        count.differing += [f"{folder.name}/{name}" for name in sorted(differ)]
    return count


def main() -> None:
    """Torture, and say what came of it; exit 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", default="exact", help="exact: bits; fast: the same tokens, values up to rounding")
    parser.add_argument("--prompts", type=int, default=24)
    parser.add_argument("--tokens", type=int, default=48)
    asked = parser.parse_args()
    more = (f"engine={asked.engine}", f"prompts.limit={asked.prompts}", f"max_new_tokens={asked.tokens}")
    import_module("harness.run")  # once, for all attempts

    with tempfile.TemporaryDirectory() as place:
        count = torture(asked.kills, asked.seed, more, Path(place))
    print(json.dumps(vars(count) | {"decoded_for_nothing": count.decoded - count.needed}, indent=2))
    sys.exit(bool(count.differing or count.committed_again))


if __name__ == "__main__":
    main()
