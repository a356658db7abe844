"""The same sweep under every condition that must not matter, and how many tokens it changed.

    python -m experiments.determinism.matrix --python /path/to/another/python

Each condition is a run of the command line in a process of its own. Where a text differs from that of the first run,
how far the two tokens are apart there, in the model's own log-probabilities, says whether they were a tie.
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

STRATEGIES = ("greedy", "beam", "temperature", "top_p", "typical", "contrastive_search")
SWEEP = ("-m", "model=pocket-s", "seed=0,1", "metrics=[near_ties]", "report.figures=false", "prompts.limit=32")


TIE = 1e-4
"""Nats. Float32 logits move by 1e-6 with the shape of a batch, and their sums over a text by a few times that."""


@dataclass(frozen=True)
class Condition:
    """What differs from the first run."""

    name: str
    more: tuple[str, ...] = ()
    threads: int = 1
    python: str = sys.executable
    reverse: bool = False
    killed: bool = False  # and resumed


@dataclass(frozen=True)
class Outcome:
    """How the texts of a run differ from those of the first."""

    name: str
    texts: int
    differing: int
    tokens: int
    apart: tuple[float, ...]  # nats between the two tokens, at the first place where a text differs


def conditions(others: Sequence[str], store: Path) -> list[Condition]:
    """Every condition but the first."""
    kept = f"store={store}"
    return [
        Condition("another process"),
        Condition("2 threads", threads=2),
        Condition("5 rows at once", ("engine.max_rows=5",)),
        Condition("64 rows at once", ("engine.max_rows=64",)),
        Condition("nothing merged", ("engine.merge=false",)),
        Condition("strategies in reverse order", reverse=True),
        Condition("into an empty store", (kept,)),
        Condition("out of the store", (kept,)),
        Condition("killed and resumed", killed=True),
        Condition("cluster=ray, 2 workers", ("cluster=ray", "cluster.workers=2")),
        Condition("engine=exact", ("engine=exact",)),
        Condition("engine=speculative", ("engine=speculative",)),
        *(Condition(f"Python {version(python)}", python=python) for python in others),
    ]


def version(python: str) -> str:
    """Of an interpreter."""
    code = "import platform; print(platform.python_version())"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def run(condition: Condition, folder: Path, tokens: int, dtype: str) -> None:
    """One run into a folder."""
    names = ",".join(reversed(STRATEGIES) if condition.reverse else STRATEGIES)
    command = [condition.python, "-m", "harness", *SWEEP, f"strategy={names}", f"max_new_tokens={tokens}"]
    command += [f"model.dtype={dtype}", f"hydra.sweep.dir={folder}", *condition.more]
    environment = os.environ | {"OMP_NUM_THREADS": str(condition.threads), "OMP_WAIT_POLICY": "PASSIVE"}
    if condition.killed:
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            while not committed(folder) and child.poll() is None:
                time.sleep(0.01)
            child.send_signal(signal.SIGKILL)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{condition.name}: {done.stderr}")


def committed(folder: Path) -> int:
    """How many generations the journal of a run holds."""
    if not (file := folder / "decoded.sqlite").exists():
        return 0
    with closing(sqlite3.connect(file, timeout=60)) as connection:
        try:
            return int(connection.execute("select count(*) from entries").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def texts(folder: Path) -> pd.DataFrame:
    """All generations of a run, in an order of their own."""
    frames = [pd.read_parquet(path) for path in folder.glob("*/generations.parquet")]
    return pd.concat(frames).set_index(["strategy", "prompt_id", "seed", "sample"]).sort_index()


def compare(name: str, first: pd.DataFrame, other: pd.DataFrame) -> Outcome:
    """How the texts of a run differ from those of the first."""
    if list(first.index) != list(other.index):
        raise SystemExit(f"{name}: other generations than those of the first run")
    apart = []
    columns = (frame[name] for name in ("tokens", "logprob") for frame in (first, other))
    for ours, theirs, one, another in zip(*columns, strict=True):
        if list(ours) != list(theirs):
            n = min(len(ours), len(theirs))
            parts = np.flatnonzero(np.asarray(ours[:n]) != np.asarray(theirs[:n]))
            apart.append(abs(float(one[parts[0]] - another[parts[0]])) if len(parts) else float("nan"))
    return Outcome(name, len(first), len(apart), int(first["tokens"].map(len).sum()), tuple(apart))


def near(first: pd.DataFrame, within: float) -> float:
    """The share of tokens at which the model's two likeliest logits are no farther apart than so many nats."""
    return float((np.concatenate(list(first["gap"])) <= within).mean())


def main() -> None:
    """Run the matrix and print it as the README's table; exit 1 if float32 changes a token that was no tie."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", default=[], help="another interpreter with the harness installed")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--without", default="", help="conditions to leave out, by the beginning of their names: ray,2")
    asked = parser.parse_args()
    without = tuple(part for part in asked.without.split(",") if part)
    with tempfile.TemporaryDirectory() as place:
        run(Condition("the first run"), Path(place) / "first", asked.tokens, asked.dtype)
        first = texts(Path(place) / "first")
        print(f"{len(first)} texts, {first['tokens'].map(len).sum()} tokens, {asked.dtype}")
        print(
            f"tokens with a gap of at most 1e-5 nats: {near(first, 1e-5):.2e}; of at most 1e-2: {near(first, 1e-2):.2e}"
        )
        print("\n| condition | texts that differ | tokens apart at the first difference, nats |\n|---|---|---|")
        faults = 0
        for number, condition in enumerate(conditions(asked.python, Path(place) / "kept.sqlite")):
            if without and condition.name.startswith(without):
                continue
            folder = Path(place) / str(number)
            run(condition, folder, asked.tokens, asked.dtype)
            found = compare(condition.name, first, texts(folder))
            apart = ", ".join(f"{each:.1e}" for each in sorted(found.apart)[-3:]) or "–"
            print(f"| {found.name} | {found.differing} of {found.texts} | {apart} |", flush=True)
            faults += sum(not each <= TIE for each in found.apart)
    sys.exit(bool(faults) and asked.dtype == "float32")


if __name__ == "__main__":
    main()
