"""A next-token distribution at any temperature, exact in float64: no sampling, and no difference that loses digits.

Near a limit the numbers of interest are tiny: at τ = 0.001 the chance of not taking the likeliest token may be 1e-300,
at τ = 1000 the entropy may miss ln V by 1e-6. 1 - P and ln V - H would be rounding, so nothing here subtracts those.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_ORDERS = np.arange(2, 20)  # of the series: the next term is below 1e-17 of the first
_FACTORIALS = np.array([math.factorial(k) for k in _ORDERS], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Exact:
    """softmax(logits / τ) in numbers, each an array [temperatures]. The argmax is the set of the likeliest tokens."""

    tau: Floats
    entropy: Floats  # H, in nats
    divergence: Floats  # KL(p || uniform) = ln V - H, in nats; V is how many tokens are possible
    argmax: Floats  # P(argmax)
    log_rest: Floats  # ln(1 - P(argmax)), also where 1 - P(argmax) is too small for float64
    from_greedy: Floats  # total variation to greedy, which takes one token of the argmax; without a tie 1 - P(argmax)


def exact(logits: ArrayLike, temperatures: Sequence[float] | Floats) -> Exact:
    """The distributions of one row of logits.

    With d the distances to the largest logit, m₀ the size of the argmax and R = Σ exp(-d/τ) over all other tokens,
    1 - P(argmax) = R / (m₀ + R) and H = ln m₀ + ln(1 + R/m₀) + Σ (d/τ) exp(-d/τ) / (m₀ + R): sums of positive terms.

    Args:
        logits: [vocab]; -inf is a token that is not possible.
        temperatures: 0 and inf are their limits.

    Raises:
        ValueError: no token is possible, or a logit is NaN or +inf.
    """
    values, tau = possible(logits), np.asarray(temperatures, dtype=np.float64)
    away = values.max() - values
    ties, away = int((away == 0).sum()), away[away > 0]
    gap = float(away.min()) if len(away) else 0.0
    near_uniform = _NearUniform.of(values)
    rows: list[tuple[float, float, float, float]] = []
    for each in tau.tolist():
        if each == 0.0:
            rows.append((math.log(ties), math.log(len(values) / ties), -math.inf, 0.0))
            continue
        weights = np.exp(-(away - gap) / each)  # relative to the runner-up, so that they are never all 0
        total = float(weights.sum())
        log_rest = math.log(total) - gap / each if total else -math.inf
        rest = math.exp(log_rest)
        energy = math.exp(-gap / each) * float((away / each) @ weights) / (ties + rest)
        entropy = math.log(ties) + math.log1p(rest / ties) + energy
        small = near_uniform.divergence(each)
        divergence = math.log(len(values)) - entropy if small is None else small
        rows.append((entropy, divergence, log_rest - math.log(ties + rest), rest))
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    rest_of = table[:, 3]
    return Exact(
        tau=tau,
        entropy=table[:, 0],
        divergence=table[:, 1],
        argmax=ties / (ties + rest_of),
        log_rest=table[:, 2],
        from_greedy=(ties - 1 + rest_of) / (ties + rest_of),
    )


@dataclass(frozen=True, eq=False)
class _NearUniform:
    """ln V - H where it is small, as a series.

    With x = (l - mean) / τ and means over V tokens, let A = mean(e^x - 1 - x) and B = mean(x e^x - e^x + 1), neither of
    which has a negative term. As mean(x) = 0, ln V - H = mean(x e^x) / (1 + A) - ln(1 + A), which is
    (B - ((1 + A) ln(1 + A) - A)) / (1 + A); the subtrahend is of the order of A². Both are series in the moments of x.
    """

    size: float  # the largest distance from the mean
    moments: Floats  # of those distances over `size`, of each order

    @classmethod
    def of(cls, values: Floats) -> _NearUniform:
        centred = values - values.mean()
        size = float(np.abs(centred).max())
        unit = centred / size if size else centred
        power, moments = unit.copy(), []
        for _ in _ORDERS:
            power *= unit
            moments.append(float(power.mean()))
        return cls(size, np.array(moments))

    def divergence(self, tau: float) -> float | None:
        """In nats; None where the series would be long, and ln V - H is large enough to be subtracted."""
        x = self.size / tau
        if x > 1:
            return None
        terms = self.moments * x**_ORDERS / _FACTORIALS
        a, b = float(terms.sum()), float((terms * (_ORDERS - 1)).sum())
        return (b - ((1 + a) * math.log1p(a) - a)) / (1 + a)


def possible(logits: ArrayLike) -> Floats:
    """The logits of the tokens that are possible, in float64.

    Raises:
        ValueError: there are none, or a logit is NaN or +inf.
    """
    values: Floats = np.asarray(logits, dtype=np.float64)
    values = values[values != -np.inf]
    if not len(values) or not np.isfinite(values).all():
        raise ValueError("logits: need a finite number among them, and nothing but finite numbers and -inf")
    return values


def truncated(logits: ArrayLike, top_k: int) -> Floats:
    """The `top_k` largest logits, and those equal to the last of them, as `harness.transforms.top_k` keeps them."""
    values = possible(logits)
    if top_k >= len(values):
        return values
    kept: Floats = values[values >= np.partition(values, -top_k)[-top_k]]
    return kept
