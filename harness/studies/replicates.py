"""Scores of many jobs over resampled prompts, all of one resample over the same prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness import jackknife
from harness.bca import bounds
from harness.combines import COMBINES
from harness.evidence import LEFT_OUT, Evidence
from harness.resampling import resampled_medians, resampled_sums
from harness.stats import Interval
from harness.student import FEW

Floats = NDArray[np.float64]

RESAMPLES = 2_000


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of prompts that are drawn with replacement: those of `harness.jackknife`, at most 20.

    What a whole corpus has (distinct-n, self-BLEU, MAUVE) is known without each of these groups and no more finely, and
    a resample has to take the same prompts for every score.
    """

    prompt_ids: Sequence[str]  # of one text a prompt, or of all texts
    resamples: int = RESAMPLES
    seed: int = 0

    @property
    def number(self) -> int:
        """How many groups."""
        return min(jackknife.GROUPS, len(set(self.prompt_ids)))

    @property
    def enough(self) -> bool:
        """Whether there are enough for a bootstrap."""
        return self.number >= FEW

    def replicate(self, evidence: Evidence) -> Floats:
        """[resamples] the score over resampled groups.

        Sums and medians are exact. A score known without each group alone is linear in how often each is drawn, with
        the groups' pseudo-values as its slopes, and has its own noise added: the bootstrap of what the jackknife sees.
        """
        if evidence.kind == LEFT_OUT:
            return self._linear(evidence)
        groups = jackknife.groups(evidence.units.tolist())
        if evidence.kind == "median":
            has = ~np.isnan(evidence.values[:, 0])
            if not has.any():
                return np.full(self.resamples, np.nan)
            return resampled_medians(evidence.values[has, 0], groups[has], self.number, self.resamples, self.seed)
        sums = np.zeros((self.number, evidence.values.shape[1]))
        np.add.at(sums, groups, evidence.values)
        return COMBINES[evidence.kind](resampled_sums(sums, self.resamples, self.seed))

    def interval(self, draws: Floats, value: float, level: float = 0.95) -> Interval:
        """The percentile interval of what is made of replicates, as wide as so few groups ask for; else none."""
        finite = draws[np.isfinite(draws)]
        if not self.enough or not np.isfinite(value) or len(finite) < 0.9 * len(draws):
            return Interval(np.nan, np.nan, "none")
        if np.ptp(finite) <= 1e-12 * max(1.0, abs(value)):
            return Interval(np.nan, np.nan, "constant")
        return Interval(*bounds(finite, value, None, self.number, level))

    def _linear(self, evidence: Evidence) -> Floats:
        left_out, sizes = evidence.values.T
        times = sizes.sum() / sizes
        alone = times * evidence.value - (times - 1) * left_out  # pseudo-values, as in `harness.jackknife`
        slopes = (alone - np.average(alone, weights=sizes)) * sizes
        drawn = resampled_sums(np.eye(self.number), self.resamples, self.seed)
        own = [self.seed, *evidence.score.encode(), *np.float64(evidence.value).tobytes()]  # chance of this job alone
        noise = np.random.default_rng(own).normal(size=self.resamples)
        return np.asarray(evidence.value + drawn @ slopes / (drawn @ sizes) + np.sqrt(evidence.noise) * noise)


def replicates(groups: Groups, given: Sequence[Mapping[str, Evidence]], name: str) -> Floats:
    """[resamples, jobs] one score of every job; NaN for a job that has no such evidence."""
    missing = np.full(groups.resamples, np.nan)
    return np.stack([groups.replicate(each[name]) if name in each else missing for each in given], axis=1)
