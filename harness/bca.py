"""From resampled numbers to a confidence interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def bounds(draws: Floats, value: float, left_out: Floats | None, units: int, level: float) -> tuple[float, float, str]:
    """(low, high, method) of the interval that resampled numbers make.

    With `left_out` it is Efron's (1987) bias-corrected and accelerated interval, "bca"; where that has no value, and
    without `left_out`, the quantiles of the resamples as they are, "percentile".

    Args:
        draws: [resamples] the resampled numbers, all finite.
        value: the number itself.
        left_out: [clusters] the number without each cluster in turn.
        units: clusters that have a value.
        level: of the interval; see `_widened`.
    """
    wide = _widened(level, units)
    tails = np.array([(1 - wide) / 2, (1 + wide) / 2])
    corrected = np.full(2, np.nan) if left_out is None else _bca(tails, draws, value, left_out)
    method = "percentile" if np.isnan(corrected).any() else "bca"
    low, high = np.quantile(draws, tails if method == "percentile" else corrected)
    return float(low), float(high), method


def _widened(level: float, units: int) -> float:
    """The nominal level at which bootstrap intervals of a mean are as wide as Student's.

    Resampling n values divides by n where a variance divides by n - 1, and its quantiles are the normal distribution's
    where Student's belong (Hesterberg, 2015, "What teachers should know about the bootstrap", section 3.2).
    """
    from scipy.special import ndtr, stdtrit  # scipy takes longer to import than a command line may wait

    student = float(stdtrit(units - 1, (1 + level) / 2))
    return 2 * float(ndtr(student * np.sqrt(units / (units - 1)))) - 1


def _bca(tails: Floats, draws: Floats, value: float, left_out: Floats) -> Floats:
    """The quantiles of `draws` that bound the BCa interval; NaN where it has none.

    Args:
        tails: [2] the quantiles of the percentile interval.
        draws: [resamples] the resampled numbers.
        value: the number itself.
        left_out: [clusters] the number without each cluster in turn.
    """
    from scipy.special import ndtr, ndtri

    if not np.isfinite(left_out).all():
        return np.full(2, np.nan)
    deviation = left_out.mean() - left_out
    spread = float(np.sum(deviation**2))
    acceleration = float(np.sum(deviation**3)) / (6 * spread**1.5) if spread else 0.0
    rounding = 1e-12 * float(np.abs(draws).max())  # must not decide on which side of the number it is again
    bias = ndtri((np.mean(draws < value - rounding) + np.mean(draws <= value + rounding)) / 2)
    shifted = bias + ndtri(tails)
    if not np.isfinite(shifted).all() or (acceleration * shifted >= 1).any():
        return np.full(2, np.nan)
    return np.asarray(ndtr(bias + shifted / (1 - acceleration * shifted)))
