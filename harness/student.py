"""Student's intervals of numbers that a handful of prompts make.

A bootstrap of n prompts never leaves the range of their values: of 3 prompts its 95% interval holds the truth in 75% of
cases. Student's takes the spread of what the prompts add: where that is normal it holds at any number from 2 prompts,
and where it is exponential in 87% to 92% of cases at 2 to 7 prompts, of which none can know how skewed they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.combines import COMBINES, Combine

Floats = NDArray[np.float64]

FEW = 8
"""Of fewer prompts that have a value the interval is Student's: from 8 on the bootstrap, widened, holds as often."""


def interval(sums: Floats, combine: Combine, level: float) -> tuple[float, float, str]:
    """(low, high, method) of the number of [clusters, k] sums: "student", or NaN and "constant" without any spread.

    That of `exp-ratio` is made of the logarithm, as that is where it is symmetric.
    """
    scale: Combine = "ratio" if combine == "exp-ratio" else combine
    value = float(COMBINES[scale](sums.sum(axis=0)))
    low, high, method = _around(value, _adds(sums, scale), _valued(sums), level)
    return (float(np.exp(low)), float(np.exp(high)), method) if combine == "exp-ratio" else (low, high, method)


def difference(sums_a: Floats, sums_b: Floats, combine: Combine, level: float) -> tuple[float, float, str]:
    """(low, high, method) of the number of one side minus that of the other, over the same clusters."""
    values = [float(COMBINES[combine](sums.sum(axis=0))) for sums in (sums_a, sums_b)]
    adds = _adds(sums_a, combine) - _adds(sums_b, combine)
    return _around(values[0] - values[1], adds, min(_valued(sums_a), _valued(sums_b)), level, max(map(abs, values)))


def _around(value: float, adds: Floats, valued: int, level: float, size: float = 0.0) -> tuple[float, float, str]:
    from scipy.special import stdtrit  # scipy takes longer to import than a command line may wait

    error = float(np.sqrt(valued / (valued - 1) * np.sum(adds**2)))
    if error <= 1e-12 * max(abs(value), size):
        return float("nan"), float("nan"), "constant"
    reach = float(stdtrit(valued - 1, (1 + level) / 2)) * error
    return value - reach, value + reach, "student"


def _valued(sums: Floats) -> int:
    return int(sums.any(axis=1).sum())


def _adds(sums: Floats, combine: Combine) -> Floats:
    """[clusters] what each moves the linearised number by; their sum is 0."""
    total = sums.sum(axis=0)
    ratios = total[::2] / total[1::2]
    parts = (sums[:, ::2] - ratios * sums[:, 1::2]) / total[1::2]
    if combine == "complements":
        alone = np.eye(len(ratios), dtype=bool)
        return np.asarray(-parts @ np.where(alone, 1.0, 1 - ratios).prod(axis=1))
    return np.asarray(parts[:, 0] * (np.exp(ratios[0]) if combine == "exp-ratio" else 1.0))
