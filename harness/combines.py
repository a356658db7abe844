"""How a number is made of what its texts add to it. Knows no metric; result files hold the names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Combine = Literal["ratio", "exp-ratio", "complements", "share", "median"]
"""How a number is made of the [texts, k] summands of its texts. Result files hold the name.

- `ratio`: sum of the first / sum of the second. A mean is (item, 1), a micro average (numerator, denominator).
- `exp-ratio`: exp of that.
- `complements`: the product over j of 1 - sum of column 2j / sum of column 2j + 1; columns 0 and 1 are j = 0.
- `share`: the ratio of (1 if something holds of the text, else 0) and 1, or of sums of such texts; its interval is one
  for counts.
- `median`: of the items in the only column; NaN has no value.
"""


def ratio(sums: Floats) -> Floats:
    """[..., 2] -> [...]."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])


def exp_ratio(sums: Floats) -> Floats:
    """[..., 2] -> [...]."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(ratio(sums)))


def complements(sums: Floats) -> Floats:
    """[..., 2 j] -> [...]."""
    pairs = sums.reshape(*sums.shape[:-1], -1, 2)
    return np.asarray((1 - ratio(pairs)).prod(axis=-1))


COMBINES: dict[str, Callable[[Floats], Floats]] = {
    "ratio": ratio,
    "exp-ratio": exp_ratio,
    "complements": complements,
    "share": ratio,
}
"""Those that are functions of the sums of the columns."""


def number(stats: Floats, combine: Combine) -> float:
    """The number that [texts, k] summands make; NaN where they make none."""
    if combine == "median":
        has = stats[~np.isnan(stats[:, 0]), 0]
        return float(np.median(has)) if len(has) else float("nan")
    return float(COMBINES[combine](stats.sum(axis=0)))
