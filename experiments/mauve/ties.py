"""How often mauve-text's area of two histograms is not that of its own curve, whose points it sorts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.metrics.compat import mauve_text
from harness.metrics.divergence import Floats, area, shares

BUCKETS = (2, 3, 4, 5, 7, 10, 20, 50, 100, 500)
KINDS = ("equal", "one text moved", "two samples")


def measure(buckets: Sequence[int] = BUCKETS, draws: int = 2_000) -> list[dict[str, Any]]:
    """Histograms of ten texts per bucket: the share where the two areas differ, and by how much at most."""
    rng = np.random.default_rng(0)
    found = []
    for count in buckets:
        for kind in KINDS:
            some = draws if count <= 10 else draws // 10
            apart = np.array([_apart(*_pair(kind, count, rng)) for _ in range(some)])
            found.append(
                {
                    "buckets": count,
                    "kind": kind,
                    "draws": some,
                    "share": float(np.mean(apart > 1e-9)),
                    "largest": float(apart.max()),
                }
            )
    return found


def _pair(kind: str, buckets: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    weights, texts = rng.dirichlet(np.full(buckets, 2.0)), 10 * buckets
    p = rng.multinomial(texts, weights).astype(np.float64)
    q = p.copy()
    if kind == "one text moved":
        source = rng.choice(np.flatnonzero(p))
        q[source] -= 1
        q[(source + rng.integers(1, buckets)) % buckets] += 1
    elif kind == "two samples":
        q = rng.multinomial(texts, weights).astype(np.float64)
    return shares(p), shares(q)


def _apart(p: Floats, q: Floats) -> float:
    return abs(mauve_text.area(p, q) - float(area(p, q)))


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The shares, in markdown: buckets down, kinds across."""
    lines = [f"| buckets | {' | '.join(KINDS)} | largest error |", "|---|" + "---|" * (len(KINDS) + 1)]
    for buckets in dict.fromkeys(row["buckets"] for row in rows):
        some = [row for row in rows if row["buckets"] == buckets]
        cells = [f"{row['share']:.2%}" for row in some] + [f"{max(row['largest'] for row in some):.2g}"]
        lines.append(f"| {buckets} | {' | '.join(cells)} |")
    return "\n".join(lines)
