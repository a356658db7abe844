"""How good every strategy is by every score: larger is better, whichever way the score itself points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.report.tables import find
from harness.results import JobResult, ScoreRecord
from harness.studies.replicates import Groups, replicates

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Verdicts:
    """The strategies by every score that all of them have and that tells them apart."""

    strategies: list[str]
    names: list[str]
    better: list[str]  # high, low or reference, of each name
    values: Floats  # [strategies, names] the scores themselves
    goodness: Floats  # [strategies, names] of a score that should be near the references': minus its distance
    drawn: Floats  # [resamples, strategies, names] goodness over resampled prompts; NaN where there is no evidence
    drawn_values: Floats  # [resamples, strategies, names]
    left_out: dict[str, str]  # other scores, and why

    def best(self, column: int) -> str:
        """The strategy that a score would choose."""
        return self.strategies[int(np.argmax(self.goodness[:, column]))]


def verdicts(jobs: Sequence[JobResult], groups: Groups) -> Verdicts:
    """Those of a sweep's jobs."""
    names, left_out = [], {}
    for name in dict.fromkeys(score.name for job in jobs for score in job.scores):
        records = [score for job in jobs if (score := find(job.scores, name))]
        if len(records) < len(jobs):
            left_out[name] = f"{len(jobs) - len(records)} of {len(jobs)} strategies have none"
        elif any(math.isnan(target(each)) for each in records):
            left_out[name] = "the references have none to be near to"
        elif len({each.value for each in records}) < 2:
            left_out[name] = "it is the same for all strategies"
        else:
            names.append(name)
    by_name = [{each.name: each for each in job.scores} for job in jobs]
    values = np.array([[row[name].value for name in names] for row in by_name]).reshape(len(jobs), len(names))
    targets = np.array([[target(row[name]) for name in names] for row in by_name]).reshape(values.shape)
    better = [by_name[0][name].better for name in names]
    given = [job.evidence for job in jobs]
    drawn = [replicates(groups, given, name) for name in names]
    resampled = np.stack(drawn, axis=2) if drawn else np.empty((groups.resamples, len(jobs), 0))
    return Verdicts(
        [job.label for job in jobs],
        names,
        list(better),
        values,
        goodness(values, targets, better),
        goodness(resampled, targets, better),
        resampled,
        left_out,
    )


def target(score: ScoreRecord) -> float:
    """What a score should be near to: its own value minus its gap to the references at equal lengths, if it has one.

    0 for a score of which more or less is better, as it has none; NaN where the references have no such score.
    """
    if score.better != "reference":
        return 0.0
    if score.gap is not None and math.isfinite(score.gap):
        return score.value - score.gap
    return math.nan if score.reference is None else score.reference


def goodness(values: Floats, targets: Floats, better: Sequence[str]) -> Floats:
    """[..., strategies, names] larger is better.

    Args:
        values: [..., strategies, names].
        targets: [strategies, names] what `reference` scores should be near to.
        better: [names] high, low or reference.
    """
    ways = np.array(better, dtype=np.str_)
    near = -np.abs(values - targets)
    return np.asarray(np.where(ways == "high", values, np.where(ways == "low", -values, near)))
