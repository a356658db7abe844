"""All tables and figures of what lies in a folder."""

from __future__ import annotations

import json
from pathlib import Path

from experiments.speed import figure, table


def report(folder: Path) -> str:
    """Write table.md and the figures beside the measurements; returns the tables."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    sweeps = [r for r in found.values() if "sweep" in r]
    sweeps.sort(key=lambda r: (r["sweep"], r["setting"]["device"], r["setting"]["dtype"] != "float32"))
    parts = [table.sweep(r) for r in sweeps]
    parts += [table.strategies(r) for r in sweeps if r["sweep"] == "eight"]
    parts += [table.memory(r["peaks"], r["setting"]) for name, r in found.items() if name.startswith("memory-")]
    parts += [table.price(r["times"], r["setting"]) for name, r in found.items() if name.startswith("exact-")]
    parts += [table.many(r["counts"]) for name, r in found.items() if name == "many"]
    for name, r in found.items():
        if name.startswith("linear-"):
            parts.append(table.linear(r["points"], r["setting"]))
            figure.linear(r["points"], folder / name)
    if sweeps:
        figure.bars(sweeps, folder / "speed")
    runs: dict[str, list[str]] = {}
    for name, r in found.items():
        runs.setdefault(table.environment(r["environment"]), []).append(name)
    parts.append("### Run on\n\n" + "\n".join(f"- {', '.join(names)}: {line}" for line, names in runs.items()) + "\n")
    text = "\n".join(parts)
    (folder / "table.md").write_text(text, encoding="utf-8")
    return text
