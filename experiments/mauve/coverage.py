"""How often the intervals hold the true number, and how often equal strategies are told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from experiments.mauve.clouds import cloud, evidences
from harness.evidence import Evidence
from harness.metrics.mauve import Mauve

# The number; its interval; its interval without the clustering's noise; that noise.
Found = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Setting:
    """Two clouds, drawn again and again."""

    texts: int
    dimensions: int
    shift: float
    draws: int


SETTINGS = tuple(
    Setting(texts, dimensions, shift, draws)
    for texts, dimensions, shifts, draws in (
        (100, 16, (0.0, 2.0), 200),
        (100, 64, (2.0, 3.0), 200),
        (200, 32, (0.0, 1.0, 2.0), 150),
        (300, 64, (2.0,), 120),
        (1000, 16, (1.5,), 60),
    )
    for shift in shifts
)


def measure(settings: Sequence[Setting] = SETTINGS) -> list[dict[str, Any]]:
    """For every setting and number: its mean over the draws (the truth), its spread, and the coverage."""
    return [row for setting in settings for row in _cover(setting)]


def _cover(setting: Setting) -> list[dict[str, Any]]:
    """The numbers of a first strategy, its gap to the ceiling, and its difference from a second, equal one.

    The truth of a difference of equal strategies is 0: its coverage is 1 - the false positives of the paired test.
    """
    metric = Mauve(min_texts=10)
    found: dict[str, list[Found]] = {}
    n, d = setting.texts, setting.dimensions

    for draw in range(setting.draws):
        p, a, b = (cloud(n, d, shift, 3 * draw + i) for i, shift in enumerate((0.0, setting.shift, setting.shift)))
        first, second, human = (evidences(p, other, metric) for other in (a, b, None))
        for name, one in first.items():
            found.setdefault(name, []).append(_alone(one))
            found.setdefault(f"{name}, difference", []).append(_between(one, second[name]))
        found.setdefault("ceiling", []).append(_alone(human["mauve-split"]))
        found.setdefault("gap to the ceiling", []).append(_between(first["mauve-split"], human["mauve-split"]))
    return [_row(setting, name, np.array(values)) for name, values in found.items()]


def _alone(found: Evidence) -> Found:
    whole, fixed = found.interval(), replace(found, noise=0.0).interval()
    return found.value, whole.low, whole.high, fixed.low, fixed.high, found.noise


def _between(a: Evidence, b: Evidence) -> Found:
    whole, fixed = a.minus(b), replace(a, noise=0.0).minus(replace(b, noise=0.0))
    assert whole is not None
    assert fixed is not None
    return whole.value, whole.low, whole.high, fixed.low, fixed.high, a.noise + b.noise


def _row(setting: Setting, name: str, found: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    value, low, high, fixed_low, fixed_high, noise = found.T
    truth = 0.0 if name.endswith("difference") else float(value.mean())
    return {
        "texts": setting.texts,
        "dimensions": setting.dimensions,
        "shift": setting.shift,
        "draws": setting.draws,
        "number": name,
        "truth": truth,
        "sd": float(value.std(ddof=1)),
        "width": float(np.mean(high - low)),
        "clustering sd": float(np.sqrt(noise.mean())),
        "coverage": float(np.mean((low <= truth) & (truth <= high))),
        "coverage without noise": float(np.mean((fixed_low <= truth) & (truth <= fixed_high))),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The coverage of every number (across) in every setting (down), in markdown; in brackets without the noise."""
    names = list(dict.fromkeys(row["number"] for row in rows))
    lines = [f"| texts | d | shift | draws | {' | '.join(names)} |", "|---|---|---|---|" + "---|" * len(names)]
    for texts, d, shift, draws in dict.fromkeys(
        (row["texts"], row["dimensions"], row["shift"], row["draws"]) for row in rows
    ):
        cells = [
            f"{row['coverage']:.1%} ({row['coverage without noise']:.1%})"
            for row in rows
            if (row["texts"], row["dimensions"], row["shift"]) == (texts, d, shift)
        ]
        lines.append(f"| {texts:,} | {d} | {shift:g} | {draws} | {' | '.join(cells)} |")
    return "\n".join(lines)
