"""How far two histograms are from each other: MAUVE's area and the frontier integral. Knows no texts.

Both look at the mixtures r = w p + (1 - w) q: KL(q|r) is what q holds that p lacks, KL(p|r) what it misses of p.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SMOOTHING = 0.5  # Krichevsky and Trofimov's count of what was not seen, for every bucket


def shares(counts: Floats, smoothing: float = 0.0) -> Floats:
    """[..., buckets] counts as probabilities, each count raised by `smoothing`; NaN where nothing was counted.

    `SMOOTHING` is that of MAUVE* (Pillutla et al., 2023, "MAUVE scores for generative models", JMLR).
    """
    raised = counts + smoothing
    with np.errstate(invalid="ignore"):
        return np.where(counts.sum(axis=-1, keepdims=True) > 0, raised / raised.sum(axis=-1, keepdims=True), np.nan)


def curve(p: Floats, q: Floats, scaling_factor: float = 5.0, points: int = 25) -> Floats:
    """[..., 2, points + 2] the divergence curve of two histograms, x and y, from (1, 0) to (0, 1).

    It is (exp(-c KL(q|r)), exp(-c KL(p|r))) over the mixtures, with c the scaling factor (Pillutla et al., 2021,
    "MAUVE: measuring the gap between neural text and human text"). As w grows it only moves left and up.

    Args:
        p: [..., buckets] probabilities of the references.
        q: [..., buckets] probabilities of the generations.
        scaling_factor: the paper's c; mauve-text's value is 5.
        points: mixtures on the curve, between its ends; mauve-text's value is 25.
    """
    from scipy.special import rel_entr

    w = np.linspace(1e-6, 1 - 1e-6, points)[:, None]
    p, q = p[..., None, :], q[..., None, :]
    r = w * p + (1 - w) * q
    divergence = np.stack([rel_entr(q, r).sum(axis=-1), rel_entr(p, r).sum(axis=-1)], axis=-2)
    inner = np.exp(-scaling_factor * np.maximum(divergence, 0.0))  # rounding may take a divergence of 0 below it
    first, last = (np.broadcast_to(np.array(end)[:, None], (*inner.shape[:-1], 1)) for end in ([1.0, 0.0], [0.0, 1.0]))
    return np.concatenate([first, inner, last], axis=-1)


def area(p: Floats, q: Floats, scaling_factor: float = 5.0, points: int = 25) -> Floats:
    """[...] the area under the divergence curve of two histograms, in (0, 1]; 1 where they are equal: MAUVE.

    The points of `curve`, which takes the same arguments, are integrated in the order in which they come.

    mauve-text 0.4 sorts them by one coordinate instead, with a sort that is not stable: points that tie are joined in
    any order. Equal histograms have all points but the ends at (1, 1); of random ones it gives 0.75 to 19% of those
    with two buckets, to 1% to 3% with three to seven, and to none seen with ten or more, nor to unequal ones
    (`experiments/mauve`). It averages the areas over either axis, which the trapezoid rule makes the same number.
    """
    x, y = np.moveaxis(curve(p, q, scaling_factor, points), -2, 0)
    total = np.sum((x[..., :-1] - x[..., 1:]) * (y[..., :-1] + y[..., 1:]), axis=-1) / 2
    return np.asarray(np.minimum(1.0, total))


def frontier_integral(p: Floats, q: Floats) -> Floats:
    """[...] the frontier integral of two histograms, from 0 where they are equal to 1 where they share no bucket.

    Twice the integral over w from 0 to 1 of w KL(p|r) + (1 - w) KL(q|r) (Liu et al., 2021, "Divergence frontiers for
    generative models"): a sum over buckets of (p + q) / 2 - p q log(p / q) / (p - q), which is 0 where p = q.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        # log(p/q) / (p - q) loses all digits near p = q; log(1 + e) / e loses none.
        excess = (p - q) / q
        middle = np.where(p == q, p, p * np.log1p(excess) / excess)
    middle = np.where((p == 0) | (q == 0), np.where(np.isnan(p + q), np.nan, 0.0), middle)
    return np.asarray(((p + q) / 2 - middle).sum(axis=-1))
