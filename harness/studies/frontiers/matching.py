"""Curves of quality against diversity, read where they are equally diverse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def levels(curves: Sequence[Floats], number: int) -> Floats:
    """[number] diversities that all curves reach, or all but one, equally far apart and from the ends of that range.

    Args:
        curves: the diversities of each curve's points, in any order.
        number: how many are wanted; none are given where nothing is shared.
    """
    known = [each[np.isfinite(each)] for each in curves]
    if len(known) < 2 or any(len(each) < 2 for each in known):
        return np.empty(0)
    missing = 1 if len(known) > 2 else 0  # one short curve would leave little to compare the others at
    low = sorted(float(each.min()) for each in known)[-1 - missing]
    high = sorted(float(each.max()) for each in known)[missing]
    return np.linspace(low, high, number + 2)[1:-1] if low < high else np.empty(0)


def matched(at: Floats, diversity: Floats, quality: Floats) -> Floats:
    """[..., levels] the quality of a curve at these diversities, on straight lines between its points.

    Points are joined in the order of their diversity. NaN where the curve does not reach, and of a curve with fewer
    than two points; a point without a value is left out.

    Args:
        at: [levels] diversities.
        diversity: [..., points].
        quality: [..., points].
    """
    lines = diversity.reshape(-1, diversity.shape[-1]), quality.reshape(-1, quality.shape[-1])
    found = np.stack([_one(at, x, y) for x, y in zip(*lines, strict=True)])
    return found.reshape(*diversity.shape[:-1], len(at))


def _one(at: Floats, x: Floats, y: Floats) -> Floats:
    has = np.isfinite(x) & np.isfinite(y)
    if has.sum() < 2:
        return np.full(len(at), np.nan)
    order = np.argsort(x[has], kind="stable")
    return np.interp(at, x[has][order], y[has][order], left=np.nan, right=np.nan)
