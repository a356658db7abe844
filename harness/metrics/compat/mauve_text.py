"""MAUVE as the package mauve-text 0.4 computes it.

Pillutla et al. (2021), "MAUVE: measuring the gap between neural text and human text"; repository krishnap25/mauve. The
package drops empty texts before it counts any, and clusters once, with seed 25. Nothing here imports it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.metrics.clusters import Features, labels

Floats = NDArray[np.float64]

SEED = 25


def mauve(p: Features, q: Features, buckets: int | None = None, scaling_factor: float = 5.0) -> float:
    """The package's `compute_mauve(p_features=p, q_features=q).mauve`.

    Ours is a mean over several clustering seeds and has another area (see `area`). The order of the rows matters.

    Args:
        p: [texts, d] features of the references; features are the last token's states in the last layer.
        q: [texts, d] features of the generations.
        buckets: clusters; None: a tenth of the smaller side's texts, at least two.
        scaling_factor: the paper's c.
    """
    buckets = buckets or max(2, round(min(len(p), len(q)) / 10))
    of_p, of_q = (np.bincount(found, minlength=buckets) for found in labels(p, q, buckets, SEED))
    return area(of_p / of_p.sum(), of_q / of_q.sum(), scaling_factor)


def area(p: Floats, q: Floats, scaling_factor: float = 5.0, points: int = 25) -> float:
    """The mean of the areas under the divergence curve over either axis.

    Ours integrates the points in the order in which they come along the curve. That code sorts them by one coordinate,
    with a sort that leaves ties in any order: where several points tie, as all do for equal histograms, the curve jumps
    back and forth between its ends, and the area can be 0.75 for 1.

    Args:
        p: [buckets] probabilities of the references.
        q: [buckets] probabilities of the generations.
        scaling_factor: the paper's c.
        points: mixtures on the curve.
    """
    mixtures = [w * p + (1 - w) * q for w in np.linspace(1e-6, 1 - 1e-6, points)]
    divergence = [[0.0, np.inf], *([_kl(q, r), _kl(p, r)] for r in mixtures), [np.inf, 0.0]]
    x, y = np.exp(-scaling_factor * np.array(divergence)).T
    by_x, by_y = np.argsort(x), np.argsort(y)
    return (_under(x[by_x], y[by_x]) + _under(y[by_y], x[by_y])) / 2


def _under(x: Floats, y: Floats) -> float:
    """The trapezoid rule."""
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))


def _kl(p: Floats, r: Floats) -> float:
    """KL(p|r) in that package's order of operations: rounding decides which points tie."""
    has = p > 0
    return float(np.sum(p[has] * np.log(p[has] / r[has])))
