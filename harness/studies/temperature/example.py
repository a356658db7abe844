"""The temperatures that the homework asks for, between the limits: measured beside what the laws predict."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.models.base import LanguageModel
from harness.studies.temperature.contexts import Curves, next_logits
from harness.studies.temperature.exact import exact
from harness.studies.temperature.laws import Shape

Floats = NDArray[np.float64]

ASKED = (0.0, 0.01, 1.0, 100.0, math.inf)


NEAR_TIE = 0.1
"""Nats between the two largest logits of contexts that leave greedy at low temperatures still."""


def asked(whole: Curves, cut: Curves, gaps: Floats) -> list[dict[str, Any]]:
    """Median, lower and upper quartile over contexts, of curves at the temperatures of `ASKED`.

    With `leaving`, the mean total variation to greedy, which is how often a token is not greedy's, and `nearly`, the
    share of that from contexts with a gap below `NEAR_TIE`.
    """
    shown = {
        "entropy": whole.entropy,
        "argmax": whole.argmax,
        "divergence": whole.divergence,
        "from_greedy": whole.from_greedy,
        "entropy_cut": cut.entropy,
    }
    quartiles = {key: np.quantile(values, [0.5, 0.25, 0.75], axis=0) for key, values in shown.items()}
    rows: list[dict[str, Any]] = []
    for i, tau in enumerate(ASKED):
        leaving = whole.from_greedy[:, i]
        nearly = float(leaving[gaps < NEAR_TIE].sum() / leaving.sum()) if leaving.any() else None
        row = {"tau": tau, "leaving": float(leaving.mean()), "nearly": nearly}
        rows.append(row | {key: found[:, i].tolist() for key, found in quartiles.items()})
    return rows


def example(model: LanguageModel, prompt: str) -> dict[str, Any]:
    """The token after one prompt."""
    logits = next_logits(model, prompt)
    shape, found = Shape.of(logits), exact(logits, ASKED)
    rows = []
    for i, tau in enumerate(ASKED):
        row = {
            "tau": tau,
            "entropy": float(found.entropy[i]),
            "choices": math.exp(found.entropy[i]),
            "rest": tiny(float(found.log_rest[i])),
            "divergence": float(found.divergence[i]),
        }
        rows.append(row | (_predicted(shape, tau) if 0 < tau < math.inf and shape.runners else {}))
    return {
        "prompt": prompt,
        "tokens": model.pieces(np.argsort(-logits, kind="stable")[:2].tolist()),
        "rows": rows,
        "shape": asdict(shape) | {"multiplicity": shape.multiplicity},
        "cold_from": shape.cold_from(),
        "hot_from": shape.hot_from(),
    }


def _predicted(shape: Shape, tau: float) -> dict[str, Any]:
    at = np.array([tau])
    hot = shape.hot(at)
    return {
        "cold": tiny(float(shape.cold(at)[0])),
        "hot": float(hot[0]),
        "hot_next": float((hot * (1 + shape.hot_next(at)))[0]),
    }


def tiny(log: float) -> str:
    """The number whose natural logarithm is `log`, to three digits, also where it is too small for float64."""
    if log == -math.inf:
        return "0"
    exponent = math.floor(log / math.log(10))
    return f"{10 ** (log / math.log(10) - exponent):.2f}e{exponent:+d}" if exponent < -3 else f"{math.exp(log):.4g}"
