"""From the texts to compare to MAUVE's numbers, with and without each group of prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.metrics.base import Better, Score
from harness.metrics.clusters import Features, Labels, assigned, projected
from harness.metrics.divergence import SMOOTHING, area, curve, frontier_integral, shares
from harness.metrics.pairing import Pair, Rows

Floats = NDArray[np.float64]

FIRST_SEED = 25  # mauve-text's default
MEASURES: tuple[tuple[str, Better], ...] = (("mauve", "high"), ("mauve-star", "high"), ("frontier-integral", "low"))


@dataclass(frozen=True, eq=False)
class Comparison:
    """What some pairs of sets of texts gave.

    Attributes:
        found: [clustering seeds, pairs, 1 + groups, measures] of all texts, then without each group of prompts.
        curve: [2, points] the divergence curve of all texts, point by point the mean over clustering seeds and pairs.
    """

    found: Floats
    curve: Floats | None = None

    def of(self, measure: int) -> Floats:
        """[clustering seeds, pairs] of all texts."""
        return np.asarray(self.found[:, :, 0, measure])

    def score(self, measure: int, name: str, better: Better, signature: str) -> Score:
        """The mean over clustering seeds and pairs, and the same mean without each group of prompts.

        Its noise is the variance of that mean over clustering seeds: 0, for want of knowing, where there is one.
        """
        means = self.of(measure).mean(axis=1)
        noise = float(means.var(ddof=1)) / len(means) if len(means) > 1 else 0.0
        left_out = self.found[:, :, 1:, measure].mean(axis=(0, 1))
        return Score(
            name,
            float(means.mean()),
            better,
            signature,
            left_out=left_out,
            noise=noise,
            bounds=(0.0, 1.0),
            curve=self.curve if measure == 0 else None,  # the frontier integral has another, MAUVE* one of other counts
        )


def compare(
    pairs: Sequence[Pair],
    features: tuple[Features, Features],
    groups: tuple[Rows, Rows],
    buckets: int,
    *,
    seeds: int,
    scaling_factor: float,
) -> Comparison:
    """Cluster and measure every pair under every clustering seed.

    The clusters are those of all texts; without a group its texts are taken from the counts. Clustering anew each time
    would move every number by the noise of the clustering, which is larger than what a group moves.

    Args:
        pairs: rows of the references and of the generations.
        features: [texts, d] of either side.
        groups: [texts] the group of prompts of every text of either side.
        buckets: clusters.
        seeds: how many clustering seeds.
        scaling_factor: MAUVE's c.
    """
    count = int(groups[1].max(initial=0)) + 1
    curves: list[Floats] = []

    def one(pair: Pair) -> list[Floats]:
        points, texts = projected(features[0][pair.p], features[1][pair.q]), len(pair.q)
        found = []
        for seed in range(FIRST_SEED, FIRST_SEED + seeds):
            clusters = assigned(points, buckets, seed)
            p = _counts(clusters[texts:], groups[0][pair.p], count, buckets)
            q = _counts(clusters[:texts], groups[1][pair.q], count, buckets)
            raw, smooth = ((shares(p, by), shares(q, by)) for by in (0.0, SMOOTHING))
            curves.append(curve(raw[0][0], raw[1][0], scaling_factor))
            numbers = area(*raw, scaling_factor), area(*smooth, scaling_factor), frontier_integral(*raw)
            found.append(np.stack(numbers, axis=-1))
        return found

    found = np.array([one(pair) for pair in pairs]).swapaxes(0, 1)
    return Comparison(found, np.mean(curves, axis=0))


def _counts(clusters: Labels, groups: Rows, count: int, buckets: int) -> Floats:
    """[1 + groups, buckets] how many texts fall into each cluster: all of them, then all but those of each group."""
    table = np.zeros((count, buckets))
    np.add.at(table, (groups, clusters), 1)
    whole = table.sum(axis=0)
    return np.concatenate([whole[None], whole - table])
