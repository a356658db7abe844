"""How MAUVE of the same two distributions moves with the number of texts, beside its ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiments.mauve.clouds import cloud, evidences
from harness.evidence import Evidence
from harness.metrics.mauve import Mauve

TEXTS = (50, 100, 200, 500, 1000, 2000, 5000)
SHIFTS = (0.0, 1.5)
DIMENSIONS = 64


def measure(texts: Sequence[int] = TEXTS) -> list[dict[str, Any]]:
    """One draw of the clouds per number of texts and shift: every score with its 95% interval."""
    metric = Mauve(min_texts=10)
    rows = []
    for n in texts:
        for shift in SHIFTS:
            references = cloud(n, DIMENSIONS, 0.0, 0)
            ours = evidences(references, cloud(n, DIMENSIONS, shift, 1), metric)
            row = {"texts": n, "shift": shift} | {name: _shown(found) for name, found in ours.items()}
            rows.append(row | {"ceiling": _shown(evidences(references, None, metric)["mauve-split"])})
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows in markdown."""
    names = ("mauve", "mauve-star", "frontier-integral", "mauve-split", "ceiling")
    lines = [f"| shift | texts | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    for row in sorted(rows, key=lambda row: (row["shift"], row["texts"])):
        cells = ["{value:.3f} [{low:.3f}, {high:.3f}]".format(**row[name]) for name in names]
        lines.append(f"| {row['shift']:g} | {row['texts']:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _shown(found: Evidence) -> dict[str, float]:
    interval = found.interval()
    low, high = max(0.0, interval.low), min(1.0, interval.high)  # as results cut it
    return {"value": found.value, "low": low, "high": high, "noise": found.noise}
