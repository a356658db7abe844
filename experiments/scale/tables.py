"""What was measured, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "--:|" * (len(heads) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def sweep_table(runs: Sequence[Mapping[str, Any]]) -> str:
    """A table per shape and run: quantities by the number of requests, each after the first with its ratio to it."""
    parts = []
    for shape, run in dict.fromkeys((each["shape"], each["run"]) for each in runs):
        same = [each for each in runs if (each["shape"], each["run"]) == (shape, run)]
        columns = [_quantities(each) for each in same]
        rows = [
            [name, *(_with_ratio([column[name] for column in columns], i) for i in range(len(columns)))]
            for name in columns[0]
        ]
        title = f"**more {shape}, {run}** (in brackets: × the column before)"
        heads = ["", *(f"{each['requests']:,}" for each in same)]
        parts.append(f"{title}\n\n{markdown(heads, rows)}")
    return "\n".join(parts)


def _quantities(run: Mapping[str, Any]) -> dict[str, float]:
    found = {"seconds": run["seconds"], "of the processor": run["cpu"]}
    found |= {f"{each['phase']}, processor s": each["cpu"] for each in run["phases"]}
    found |= {"peak, MiB": run["peak"]}
    found |= {f"{each['phase']}, highest MiB": each["resident"] for each in run["phases"]}
    return found | {f"{kind}, MB": size / 1e6 for kind, size in run["bytes"].items()}


def _with_ratio(values: Sequence[float], i: int) -> str:
    shown = f"{values[i]:,.0f}" if values[i] >= 100 else f"{values[i]:.3g}"
    return shown if i == 0 or not values[i - 1] else f"{shown} ({values[i] / values[i - 1]:.2f})"
