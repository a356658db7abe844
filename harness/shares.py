"""Intervals for shares of texts: a bootstrap sees nothing in a hundred texts of which none loops."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def wilson(sums: Floats, level: float) -> tuple[float, float]:
    """(low, high) of Wilson's (1927) interval for a share, with as many texts as the clusters are worth.

    Texts of one cluster are alike, so n of them count as p (1 - p) / v independent ones, v the variance of p between
    clusters (Korn and Graubard, 1998, "Confidence intervals for proportions with small expected number of positive
    counts estimated from survey data"), but never as more than n. As v is an estimate, Student's t with one degree of
    freedom less than there are clusters then stands for the normal quantile, as it does there. Where none of the texts
    counts, or all do, v is not known, and every cluster counts as one text.

    Args:
        sums: [clusters, 2] texts that count, and texts.
        level: of the interval.
    """
    from scipy.special import ndtri, stdtrit  # scipy takes longer to import than a command line may wait

    hits, texts = sums.sum(axis=0)
    clusters = int((sums[:, 1] > 0).sum())
    alone = clusters == texts or clusters < 2  # one text a cluster: the textbook's interval
    z2 = float(ndtri((1 + level) / 2) if alone else stdtrit(clusters - 1, (1 + level) / 2)) ** 2
    p, size = hits / texts, effective(sums)
    middle = (p + z2 / (2 * size)) / (1 + z2 / size)
    half = np.sqrt(z2 * (p * (1 - p) / size + z2 / (4 * size**2))) / (1 + z2 / size)
    # The ends are 0 and 1 exactly where p is: rounding would leave p outside its interval.
    return (float(middle - half) if hits > 0 else 0.0), (float(middle + half) if hits < texts else 1.0)


def effective(sums: Floats) -> float:
    """How many independent texts the [clusters, 2] counts are worth."""
    hits, texts = sums.sum(axis=0)
    p = hits / texts
    if p in (0, 1):
        return float((sums[:, 1] > 0).sum())
    clusters = float((sums[:, 1] > 0).sum())
    if clusters in (1, texts):
        return clusters
    variance = float((((sums[:, 0] - p * sums[:, 1]) / texts) ** 2).sum()) * clusters / (clusters - 1)
    return float(texts) if variance * texts <= p * (1 - p) else p * (1 - p) / variance


def difference(sums_a: Floats, sums_b: Floats, level: float) -> tuple[float, float]:
    """(low, high) of the difference of two shares over the same clusters, from both their Wilson intervals.

    Newcombe's (1998) method 10, "Improved confidence intervals for the difference between binomial proportions based on
    paired data", with the correlation of the two shares between clusters.
    """
    (low_a, high_a), (low_b, high_b) = wilson(sums_a, level), wilson(sums_b, level)
    a, b = (float(np.divide(*sums.sum(axis=0))) for sums in (sums_a, sums_b))
    rest_a, rest_b = sums_a[:, 0] - a * sums_a[:, 1], sums_b[:, 0] - b * sums_b[:, 1]
    spread = float(np.sqrt((rest_a @ rest_a) * (rest_b @ rest_b)))
    alike = float(rest_a @ rest_b) / spread if spread else 0.0

    def reach(of_a: float, of_b: float) -> float:
        return float(np.sqrt(max(0.0, of_a**2 - 2 * alike * of_a * of_b + of_b**2)))

    return a - b - reach(a - low_a, high_b - b), a - b + reach(high_a - a, b - low_b)
