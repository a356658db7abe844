"""Which rows of a column lead it: the best one, and those that are not significantly worse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.combines import COMBINES
from harness.evidence import LEFT_OUT, Evidence
from harness.results import ScoreRecord
from harness.stats import Difference

_NORMAL = 1.959963984540054  # 95% intervals reach as many standard errors to either side
_CLOSE = 0.05  # the share of an interval's half-width by which a difference may be another than the one tested
_SMOOTH = ("ratio", "exp-ratio", "complements", "share")


def leading(
    losses: Sequence[float],
    scores: Sequence[ScoreRecord | None],
    given: Sequence[Evidence | None],
    alpha: float,
    same: Sequence[int] = (),
) -> list[bool]:
    """Which rows may be the best one.

    Every row is tested against that of the least loss, one-sided and paired over prompts, with Bonferroni's correction
    for as many tests as there are other rows. So whichever row is truly the best, it is among those that lead with a
    probability of at least 1 - `alpha`: to be left out it has to be found worse than one of the others, and each of
    them makes that happen with a probability of `alpha` / (rows - 1) at most (Gupta, 1965, "On some multiple decision
    (selection and ranking) rules"). Holm's correction has no such proof here, as data choose the row that is tested
    against. A row that cannot be tested does not lead, unless it is the best. Rows that hold the same texts are one.

    Args:
        losses: of each row, how far it is from the best there can be; NaN: it is not ranked.
        scores: the score of each row.
        given: what each score can be resampled from.
        alpha: the chance that the truly best row is not among those that lead.
        same: of each row, the first one that holds its texts; (): all hold others.
    """
    ranked: dict[int, list[int]] = {}  # the first row of some texts -> all of them
    for row, loss in enumerate(losses):
        if not math.isnan(loss):
            ranked.setdefault(same[row] if same else row, []).append(row)
    leads = [False] * len(losses)
    if not ranked:
        return leads
    chosen = [next((row for row in rows if given[row]), rows[0]) for rows in ranked.values()]
    best = min(chosen, key=lambda row: losses[row])
    tests = len(ranked) - 1
    for row, rows in zip(chosen, ranked.values(), strict=True):
        p = math.nan if losses[row] > losses[best] else 1.0
        one, other = scores[row], scores[best]
        if math.isnan(p) and one and other:
            p = worse(one, given[row], other, given[best])
        for each in rows:
            leads[each] = p * tests >= alpha or losses[row] == losses[best]
    return leads


def worse(row: ScoreRecord, its: Evidence | None, best: ScoreRecord, bests: Evidence | None) -> float:
    """The one-sided p-value of a row not being worse than one that has a smaller loss; NaN where there is no test."""
    if row.better == "reference":
        return _farther(row, its, best, bests)
    found = _difference(its, bests)
    return math.nan if found is None else _above(found, 1.0 if row.better == "low" else -1.0)


def _farther(row: ScoreRecord, its: Evidence | None, best: ScoreRecord, bests: Evidence | None) -> float:
    """The p-value of the gap a of a row being no larger than the gap b of another, whatever their signs.

    If a > 0 it is larger where a > b and a > -b: both are tested, and the larger p-value counts (Berger, 1982,
    "Multiparameter hypothesis testing and acceptance sampling"); a < 0 mirrors that. In a - b the references cancel: it
    is the paired difference of the scores, where cutting the texts to the lengths of the references hardly moved that.
    In a + b they count twice, so that a and b move together: its standard error is taken for the largest there can be,
    the sum of theirs, and that of a - b, too, where texts were cut.
    """
    error = _standard_error(row) + _standard_error(best)
    if row.gap is None or best.gap is None or math.isnan(error):
        return math.nan
    side = math.copysign(1.0, row.gap)
    apart = row.gap - best.gap
    found = _difference(its, bests)
    if found and abs(found.value - apart) <= _CLOSE * (found.high - found.low) / 2 + 1e-9 * abs(apart):
        p = _above(found, side)
    else:
        p = _tail(side * apart, error)
    return max(p, _tail(side * (row.gap + best.gap), error))


def _difference(one: Evidence | None, other: Evidence | None) -> Difference | None:
    """The paired difference with its interval and two-sided p-value; None where there is no test.

    For what depends smoothly on sums over prompts it is Student's test on the jackknife over prompts. That agrees with
    the test of `harness.stats.paired` (tests/unit/test_report_leading.py) in a hundredth of its time.
    """
    if one is None or other is None:
        return None
    if one.kind == other.kind and one.kind in _SMOOTH:
        one, other = _left_out(one), _left_out(other)
    found = one.minus(other)
    return None if found is None or math.isnan(found.p) else found


def _left_out(given: Evidence) -> Evidence:
    """The number without each prompt in turn."""
    names, place = np.unique(given.units, return_inverse=True)
    sums = np.zeros((len(names), given.values.shape[1]))
    np.add.at(sums, place, given.values)
    without = COMBINES[given.kind](sums.sum(axis=0) - sums)
    return replace(given, kind=LEFT_OUT, values=np.stack([without, np.ones_like(without)], axis=1))


def _above(found: Difference, side: float) -> float:
    """The one-sided p-value of a difference not being on this side of 0."""
    return found.p / 2 if side * found.value > 0 else 1 - found.p / 2


def _standard_error(score: ScoreRecord) -> float:
    """Of the gap, from its interval."""
    if score.gap_low is None or score.gap_high is None:
        return math.nan
    return (score.gap_high - score.gap_low) / 2 / _NORMAL


def _tail(value: float, error: float) -> float:
    """The probability of a normal value of mean 0 and this standard error being at least so large."""
    if error == 0:
        return 0.0 if value > 0 else 1.0
    return math.erfc(value / error / math.sqrt(2)) / 2
