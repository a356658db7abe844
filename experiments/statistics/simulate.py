"""Whether 95% intervals hold the truth in 95% of cases, and tests at 5% are wrong in 5%: by simulation.

python experiments/statistics/simulate.py              everything; see README.md for the time it takes
python experiments/statistics/simulate.py --coverage   intervals alone
python experiments/statistics/simulate.py --errors     paired tests alone
python experiments/statistics/simulate.py --holm       tables of tests alone
python experiments/statistics/simulate.py --speed      seconds of an interval and of a test over 5,000 prompts
python experiments/statistics/simulate.py --sims 20 --out FOLDER    in less time, to see that it runs
python experiments/statistics/simulate.py --report     the tables again from what was measured
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from experiments.statistics import coverage, errors, table, timing
from experiments.statistics.pairs import APART, MOVED, SAME, UNEVEN
from experiments.statistics.worlds import WORLDS
from harness.atomic import replacing

HERE = Path(__file__).resolve().parent
INTERVALS = (30, 100, 300, 1000)  # prompts
ODD = 110  # prompts that do not make 20 equal groups
TESTS = (20, 50, 100)
TABLES = (50, 100)

Rows = list[dict[str, Any]]


def parts(sims: int, resamples: int) -> dict[str, list[Callable[[], Rows]]]:
    """File -> what fills it."""
    pairs = (*SAME, *APART, *MOVED)
    return {
        "coverage": [
            *(partial(coverage.of_world, world, n, sims, resamples) for world in WORLDS for n in INTERVALS),
            *(partial(coverage.of_texts, n, sims) for n in (*INTERVALS, ODD)),
        ],
        "errors": [
            *(partial(errors.of_pair, pair, n, sims, resamples // 5) for pair in pairs for n in TESTS),
            *(partial(errors.of_uneven, pair, n, sims, resamples // 5) for pair in UNEVEN for n in TESTS),
            *(partial(errors.of_texts, n, sims) for n in TESTS),
        ],
        "holm": [partial(errors.of_table, n, sims // 4, resamples) for n in TABLES],
        "speed": [partial(timing.of_all, 5000, resamples)],
    }


def simulate(tasks: Iterable[Callable[[], Rows]]) -> Rows:
    """The rows of all, as they come also on the terminal."""
    found: Rows = []
    for task in tasks:
        start = time.perf_counter()
        rows = task()
        found += rows
        shares = sorted({"covered", "rejected"} & rows[0].keys())
        shown = ", ".join(f"{rows[0][key]:.1%} {key}" for key in shares)
        print(
            f"{rows[0]['number']}, {rows[0]['prompts']} prompts: {shown}; {time.perf_counter() - start:.0f} s",
            file=sys.stderr,
        )
    return found


def main() -> None:
    """Simulate what was asked for, and write the tables of all that lies there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("coverage", "errors", "holm", "speed"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--sims", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=HERE / "measured")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    every = parts(args.sims, args.resamples)
    asked = [name for name in every if getattr(args, name)] or ([] if args.report else list(every))
    for name in asked:
        rows = simulate(every[name])
        with replacing(args.out / f"{name}.json") as temporary:
            temporary.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    with replacing(args.out / "table.md") as temporary:
        temporary.write_text(table.report({name: _read(args.out / f"{name}.json") for name in every}))


def _read(path: Path) -> Rows:
    return json.loads(path.read_text()) if path.exists() else []


if __name__ == "__main__":
    main()
