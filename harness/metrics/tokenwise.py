"""Numbers of single tokens: their sums, and their mean over all tokens of a corpus."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.metrics.base import ANYTHING, Bounds, Score, combined
from harness.stats import Combine, exp_ratio, ratio


def totals(values: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """[texts, 2] the sum of each text's values, and how many there are."""
    return np.array([[np.sum(each), len(each)] for each in values], dtype=np.float64).reshape(-1, 2)


def micro(
    name: str, stats: NDArray[np.float64], signature: str, combine: Combine = "ratio", bounds: Bounds = ANYTHING
) -> Score:
    """The sum of the first column over that of the second, in which every token weighs the same; or exp of that.

    Texts without a token have no value of their own (items are NaN); they are counted in a note, and move nothing.
    """
    items = exp_ratio(stats) if combine == "exp-ratio" else ratio(stats)
    return combined(name, stats, combine, "reference", signature, items, lacking(items), bounds)


def lacking(items: NDArray[np.float64]) -> tuple[str, ...]:
    """The note on texts that have no value."""
    without = int(np.isnan(items).sum())
    return (f"{without} of {len(items)} texts have no value",) if without else ()
