"""Cost against prompts, tokens and strategies."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from experiments.speed.ours import Harness
from experiments.speed.subject import Subject
from experiments.speed.workload import Setting, Work, eight, prompts

PROMPTS = (8, 16, 32, 64, 128)
TOKENS = (16, 32, 64, 128)
BASE = ("greedy", "τ 0.7", "top-k 50", "top-p 0.9")  # of the panels that vary something else


def measure(
    setting: Setting,
    repetitions: int,
    counts: Sequence[int] = PROMPTS,
    lengths: Sequence[int] = TOKENS,
) -> list[dict[str, Any]]:
    """Seconds of a sweep, one axis varied at a time, all points of all axes once per repetition.

    Panels: "prompts" and "tokens" under the four strategies of `BASE`; "strategies" takes the first n of the eight;
    "alone" is the n-th strategy of them by itself, so that the sum of the first n is what decoding job by job costs.
    """
    subject = Subject(setting)
    harness = Harness(subject)
    cells = eight()
    base = [c for c in cells if c.name in BASE]
    texts = prompts(setting, max(*counts, setting.prompts))
    some = texts[: setting.prompts]
    points = [("prompts", n, Work(base, texts[:n], setting.tokens)) for n in counts]
    points += [("tokens", n, Work(base, some, n)) for n in lengths]
    points += [("strategies", n, Work(cells[:n], some, setting.tokens)) for n in range(1, len(cells) + 1)]
    points += [("alone", n, Work([cell], some, setting.tokens)) for n, cell in enumerate(cells, 1)]
    harness.sweep(replace(points[0][2], tokens=2))
    found = []
    for repetition in range(repetitions):
        turn = repetition % len(points)
        for panel, n, work in [*points[turn:], *points[:turn]]:
            gc.collect()
            (lap,) = harness.sweep(work)
            rows = harness.passes.rows("extend")
            found.append({"panel": panel, "x": n, "repetition": repetition, "seconds": lap.seconds, "extended": rows})
            print(f"  {repetition + 1}/{repetitions}  {panel:10s} {n:4d} {lap.seconds:8.2f} s", file=sys.stderr)
    return found
