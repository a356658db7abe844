"""The command line with 12,500, 25,000 and 50,000 requests, and again out of the full store: is the cost linear?

python -m experiments.scale.sweep                    writes measured/sweep.json and measured/sweep.md
python -m experiments.scale.sweep --requests 1250 2500 --folder results/scale-tiny

Five strategies, six samples where a strategy draws: 25 requests a prompt, 16 tokens each, one thread. Each command is a
process of its own, watched from outside. A run's files say when its phases ended.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import harness  # noqa: F401  (before torch: it sets how OpenMP waits)

# isort: split
from experiments.scale.prompts import write
from experiments.scale.tables import sweep_table
from experiments.scale.watch import Watched, watch
from experiments.speed.environment import environment
from harness.atomic import write_json, write_text

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STRATEGIES = ("greedy", "temperature", "top_k", "top_p", "typical")
METRICS = ("repetition", "loops", "diversity", "distinct", "perplexity", "length")
"""The default ones but MAUVE: it clusters into a tenth as many parts as there are texts, so it is quadratic by
definition, and reads every text with a larger model."""

SHAPES = {"prompts": 6, "samples": 156}
"""Samples of each prompt: six, so that prompts become more; or 156 of a few."""


def arguments(shape: str, requests: int, tokens: int, place: Path, run: str, texts: Path) -> list[str]:
    """The command line of a run: python -m harness with these."""
    samples = SHAPES[shape]
    return [
        "-m",
        f"strategy={','.join(STRATEGIES)}",
        "model=pocket-s",
        f"samples={samples}",
        f"max_new_tokens={tokens}",
        "prompts=file",
        f"prompts.path={texts}",
        f"prompts.limit={prompts(shape, requests)}",
        f"metrics=[{','.join(METRICS)}]",
        f"store={place / 'store.sqlite'}",
        f"hydra.sweep.dir={place / run}",
    ]


def prompts(shape: str, requests: int) -> int:
    """How many make so many requests: greedy has one of a prompt, the others have their samples."""
    each = 1 + (len(STRATEGIES) - 1) * SHAPES[shape]
    if requests % each:
        raise SystemExit(f"--requests {requests}: must be a multiple of {each}")
    return requests // each


def phases(run: Path, seen: Watched) -> list[dict[str, Any]]:
    """From the start to what each phase leaves last: seconds by the clock and of the processor, the most MiB."""
    last = {
        "begin": run / "sweep.json",
        "decode": max(run.glob("*/generations.parquet"), key=_modified),
        "measure": max(run.glob("*/scores.json"), key=_modified),
    }
    ends = {name: _modified(path) for name, path in last.items()} | {"report": seen.end}
    found, begin = [], seen.start
    for name, end in ends.items():
        found.append(
            {
                "phase": name,
                "seconds": end - begin,
                "cpu": seen.cpu(begin, end),
                "resident": seen.highest(begin, end) / 2**20,
            }
        )
        begin = end
    return found


def sizes(run: Path, store: Path) -> dict[str, int]:
    """Bytes of what a run has left, by kind."""
    kinds = {"store": store.stat().st_size}
    for path in run.rglob("*"):
        if path.is_file():
            own = path.name in ("generations.parquet", "items.parquet", "evidence.parquet", "report.html")
            kinds[path.name if own else "else"] = kinds.get(path.name if own else "else", 0) + path.stat().st_size
    return kinds


def generated(run: Path) -> int:
    """How many tokens the continuations of a run have."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    files = run.glob("*/generations.parquet")
    return sum(pc.sum(pc.list_value_length(pq.read_table(f, columns=["tokens"])["tokens"])).as_py() for f in files)


def measured(shape: str, requests: int, tokens: int, folder: Path, texts: Path) -> list[dict[str, Any]]:
    """A run into an empty store, and the same run out of the full one."""
    place = folder / f"{shape}-{requests}-{tokens}"
    shutil.rmtree(place, ignore_errors=True)
    found = []
    for run in ("decoded", "reused"):
        before = os.getloadavg()[0]
        command = [sys.executable, "-m", "harness", *arguments(shape, requests, tokens, place, run, texts)]
        seen = watch(command, ROOT, {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "CI": "1"})
        found.append(
            {
                "shape": shape,
                "requests": requests,
                "tokens": generated(place / run),
                "run": run,
                "seconds": seen.end - seen.start,
                "cpu": seen.cpu(seen.start, seen.end),
                "peak": seen.peak / 2**20,
                "load": before,
                "phases": phases(place / run, seen),
                "bytes": sizes(place / run, place / "store.sqlite"),
            }
        )
        print(json.dumps({k: v for k, v in found[-1].items() if k != "bytes"}), file=sys.stderr)
    return found


def main() -> None:
    """Measure what is asked for, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, nargs="+", default=[12_500, 25_000, 50_000])
    parser.add_argument("--shape", choices=tuple(SHAPES), nargs="+", default=["prompts"])
    parser.add_argument("--tokens", type=int, default=16, help="of a continuation, at most")
    parser.add_argument("--folder", type=Path, default=ROOT / "results" / "scale", help="for the runs")
    parser.add_argument("--keep", type=Path, default=HERE / "measured", help="for what was measured")
    parser.add_argument("--name", default="sweep", help="of the files there")
    given = parser.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    texts = folder / "prompts.jsonl"
    write(texts, max(prompts(shape, n) for shape in given.shape for n in given.requests))
    runs = [
        run for shape in given.shape for n in given.requests for run in measured(shape, n, given.tokens, folder, texts)
    ]
    write_json(given.keep / f"{given.name}.json", {"environment": environment("cpu", 1), "runs": runs})
    write_text(given.keep / f"{given.name}.md", sweep_table(runs))
    print(sweep_table(runs))


def _modified(path: Path) -> float:
    return path.stat().st_mtime


if __name__ == "__main__":
    main()
