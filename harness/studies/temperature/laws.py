"""The two laws of the temperature: what a row of logits predicts of τ → 0 and τ → ∞, and from where on.

The derivations, with the bounds that `cold_from` and `hot_from` take, are in experiments/temperature_limits/README.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.studies.temperature.exact import exact, possible

Floats = NDArray[np.float64]

WITHIN = 0.01
"""How far from 1 measured / predicted may be in the asymptotic range."""


@dataclass(frozen=True)
class Shape:
    """What the laws take from a row of logits."""

    vocab: int  # V, tokens that are possible
    ties: int  # tokens with the largest logit
    runners: int  # tokens with the second largest; 0: all logits are equal
    gap: float  # Δ, the largest logit minus the second largest
    next_gap: float  # the largest minus the third largest; inf: there are only two different logits
    variance: float  # κ₂ of the logits, each token counted alike
    third: float  # κ₃, their third central moment
    spread: float  # r, the largest minus the smallest

    @classmethod
    def of(cls, logits: ArrayLike) -> Shape:
        """That of a row of logits; -inf is left out."""
        values = possible(logits)
        levels, counts = np.unique(values.max() - values, return_counts=True)
        gap, next_gap = (float(levels[i]) if len(levels) > i else math.inf for i in (1, 2))
        centred = values - values.mean()
        runners = int(counts[1]) if len(counts) > 1 else 0
        moments = float((centred**2).mean()), float((centred**3).mean())
        return cls(len(values), int(counts[0]), runners, gap, next_gap, *moments, float(levels[-1]))

    @property
    def multiplicity(self) -> float:
        """m: how many tokens share the second largest logit, over how many share the largest."""
        return self.runners / self.ties

    def cold(self, tau: Floats) -> Floats:
        """The logarithm of what τ → 0 predicts of 1 - P(argmax): ln m - Δ/τ. Needs two different logits."""
        return np.asarray(math.log(self.multiplicity) - self.gap / tau)

    def hot(self, tau: Floats) -> Floats:
        """What τ → ∞ predicts of ln V - H = KL(p || uniform): Var / (2 τ²)."""
        return np.asarray(self.variance / (2 * tau**2))

    def hot_next(self, tau: Floats) -> Floats:
        """The first correction to `hot`, relative to it: 2 κ₃ / (3 κ₂ τ)."""
        return np.asarray(2 * self.third / (3 * self.variance * tau))

    def cold_from(self, within: float = WITHIN) -> float:
        """A temperature below which `cold` is proved to hold within a share `within`."""
        bounds = []
        others = self.vocab - self.ties - self.runners
        if others > within * self.runners:  # all others together may not weigh more than `within` of the runners-up
            bounds.append((self.next_gap - self.gap) / math.log(others / (within * self.runners)))
        weight = self.multiplicity * (1 + within) / within
        if weight > 1:  # and the runners-up not more than that of the argmax
            bounds.append(self.gap / math.log(weight))
        return min(bounds, default=math.inf)

    def hot_from(self, within: float = WITHIN) -> float:
        """A temperature above which `hot` is proved to hold within a share `within`."""
        return self.spread * 2 * (1 + within) / (3 * within)


@dataclass(frozen=True, eq=False)
class Fit:
    """One law on one row of logits: measured on its asymptotic range, beside what it predicts."""

    start: float  # the temperature at which the proved range begins
    highest: float  # the highest that was measured
    exponent: float  # slope of ln(1 - P) on 1/τ, or of ln(ln V - H) on ln τ, by least squares within the range
    predicted: float  # -Δ, or -2
    constant: float  # measured / predicted constant (m, or Var / 2): geometric mean over the range
    ratios: Floats  # measured / predicted at `start` times each of the scales that were asked for
    reach: float  # from how far on, in units of `start`, the measured ratio is within 1% of 1

    @property
    def slope_error(self) -> float:
        """How far the measured exponent is from the predicted one, as a share of it."""
        return abs(self.exponent / self.predicted - 1)


def cold_fit(logits: ArrayLike, scales: Floats) -> Fit:
    """1 - P(argmax) against m exp(-Δ/τ), at `scales` times the start of its range; those of at most 1 are in it.

    Raises:
        ValueError: all logits are equal: the argmax then has all of the probability at any temperature.
    """
    shape = Shape.of(logits)
    if not shape.runners:
        raise ValueError("logits: all are equal")
    start = shape.cold_from()
    tau = start * scales
    measured = exact(logits, tau).log_rest
    ratios, within = np.exp(measured - shape.cold(tau)), scales <= 1
    exponent = _slope(1 / tau[within], measured[within])
    reach = _reach(scales, ratios, falling=False)
    return Fit(
        start, float(tau.max()), exponent, -shape.gap, float(np.exp(np.log(ratios[within]).mean())), ratios, reach
    )


def hot_fit(logits: ArrayLike, scales: Floats) -> Fit:
    """Likewise ln V - H against Var / (2 τ²), at `scales` times the start of its range; those of at least 1 are in it.

    Raises:
        ValueError: all logits are equal: the distribution is then uniform at any temperature.
    """
    shape = Shape.of(logits)
    if not shape.runners:
        raise ValueError("logits: all are equal")
    start = shape.hot_from()
    tau = start * scales
    measured = exact(logits, tau).divergence
    ratios, within = measured / shape.hot(tau), scales >= 1
    exponent = _slope(np.log(tau[within]), np.log(measured[within]))
    reach = _reach(scales, ratios, falling=True)
    return Fit(start, float(tau.max()), exponent, -2.0, float(np.exp(np.log(ratios[within]).mean())), ratios, reach)


def _slope(x: Floats, y: Floats) -> float:
    """Of the least-squares line."""
    centred = x - x.mean()
    return float(centred @ (y - y.mean()) / (centred @ centred))


def _reach(scales: Floats, ratios: Floats, *, falling: bool) -> float:
    """The scale farthest from the limit up to which all ratios from the limit on are within `WITHIN` of 1."""
    order = np.argsort(-scales if falling else scales)
    held = np.abs(ratios[order] - 1) <= WITHIN
    last = int(np.argmin(held)) if not held.all() else len(held)
    return float(scales[order][last - 1]) if last else math.nan
