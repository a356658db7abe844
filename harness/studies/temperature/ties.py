"""Exact ties: where several tokens are the likeliest, τ → 0 is uniform over them, and greedy takes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from harness.studies.temperature.exact import exact
from harness.studies.temperature.laws import Shape, cold_fit

Floats = NDArray[np.float64]

MADE = (2.0, 2.0, 1.0, 1.0, 1.0, 0.0, 0.0, -3.0)
"""Logits made for the purpose: two likeliest tokens, three runners-up, so m = 3 / 2 and Δ = 1."""


@dataclass(frozen=True)
class Ties:
    """The contexts whose largest or second largest logit is that of several tokens."""

    contexts: int
    tied: int  # with several likeliest tokens
    uneven: int  # with m other than 1
    most: int  # likeliest tokens of one context at most
    off: float | None  # how far, at most, a likeliest token's probability is from 1 / their number deep in the range
    farthest: float | None  # of these contexts: measured / predicted 1 - P(argmax) in the proved range, farthest from 1


def ties(rows: Sequence[Floats], scales: Floats) -> Ties:
    """Find them, and hold them against the law of τ → 0 at `scales` times the start of its range, all at most 1."""
    shapes = [Shape.of(row) for row in rows]
    chosen = [(row, s) for row, s in zip(rows, shapes, strict=True) if s.runners and (s.ties > 1 or s.runners > 1)]
    ratios = [cold_fit(row, scales).ratios for row, _ in chosen]
    deep = [exact(row, [s.cold_from() * float(scales.min())]).argmax[0] / s.ties - 1 / s.ties for row, s in chosen]
    return Ties(
        contexts=len(rows),
        tied=sum(shape.ties > 1 for shape in shapes),
        uneven=sum(shape.multiplicity != 1 for shape in shapes),
        most=max(shape.ties for shape in shapes),
        off=float(np.abs(deep).max()) if deep else None,
        farthest=max((float(each) for row in ratios for each in row), key=lambda r: abs(r - 1), default=None),
    )


def coarse(logits: Floats) -> Floats:
    """The logits as bfloat16 holds them, with 8 significant bits."""
    rounded: Floats = torch.from_numpy(logits).to(torch.bfloat16).double().numpy()
    return rounded


def made(temperatures: Sequence[float]) -> list[dict[str, float]]:
    """The example at some temperatures: P of one of its likeliest tokens, 1 - P(argmax), the law, and greedy."""
    shape, found = Shape.of(MADE), exact(MADE, temperatures)
    return [
        {
            "tau": tau,
            "each": float(found.argmax[i]) / shape.ties,
            "rest": float(np.exp(found.log_rest[i])),
            "law": float(np.exp(shape.cold(np.array([tau]))[0])) if tau else 0.0,
            "from_greedy": float(found.from_greedy[i]),
        }
        for i, tau in enumerate(temperatures)
    ]
