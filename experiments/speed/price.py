"""What the same bits in any company cost: `engine=exact` against `engine=fast`."""

from __future__ import annotations

import gc
import sys
from typing import Any

from experiments.speed.contender import Stopwatch
from experiments.speed.linear import BASE
from experiments.speed.ours import Harness
from experiments.speed.subject import Subject
from experiments.speed.workload import Setting, eight, prompts
from harness.engine import Engine, Request, fast
from harness.exact import exact
from harness.prompts import Prompt

ROWS = 64  # of both


def measure(setting: Setting, repetitions: int) -> list[dict[str, Any]]:
    """Seconds of the four strategies of `BASE` under each engine with as many rows, in turn."""
    harness = Harness(Subject(setting))
    requests = [
        Request(Prompt(f"{i:04d}", ""), tokens, harness.strategy(cell), setting.tokens)
        for cell in eight()
        if cell.name in BASE
        for i, tokens in enumerate(prompts(setting))
    ]
    engines: dict[str, Engine] = {"fast": fast(max_rows=ROWS), "exact": exact(max_rows=ROWS)}
    list(engines["fast"](harness.model, requests[:ROWS]))  # warm
    found = []
    for repetition in range(repetitions):
        for name in sorted(engines, reverse=bool(repetition % 2)):
            gc.collect()
            with Stopwatch(harness.model.device) as watch:
                made = list(engines[name](harness.model, requests))
            assert {len(g.tokens) for g in made} == {setting.tokens}
            found.append({"engine": name, "repetition": repetition, "seconds": watch.seconds, "rows": ROWS})
            print(f"  {repetition + 1}/{repetitions}  {name:6s} {watch.seconds:8.2f} s", file=sys.stderr)
    return found
