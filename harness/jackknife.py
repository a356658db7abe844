"""Intervals and tests by leaving prompts out: for numbers that only a whole corpus has. Knows no metric.

A resample with replacement repeats texts, and a repeated text brings no new n-gram: the bootstrap of distinct-n is far
below distinct-n. Leaving out a group of prompts at a time repeats nothing. Every number without a group is moved by the
corpus being smaller, by more where the group is larger; only what is left of their spread then is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2s

import numpy as np
from numpy.typing import NDArray

from harness.stats import Difference, Interval

Floats = NDArray[np.float64]

GROUPS = 20
"""How many groups of prompts are left out in turn."""


def groups(prompt_ids: Sequence[str]) -> NDArray[np.int64]:
    """[texts] the group of each text, from 0: the texts of a prompt share one, and groups are as equal as can be.

    Fewer prompts than `GROUPS` are groups of their own. The same prompts fall into the same groups for every strategy,
    in any order: the order is that of a hash of their ids.
    """
    names = sorted(set(prompt_ids), key=lambda name: (blake2s(name.encode(), digest_size=8).digest(), name))
    place = {name: index % GROUPS for index, name in enumerate(names)}
    return np.array([place[name] for name in prompt_ids], dtype=np.int64)


def sizes(prompt_ids: Sequence[str]) -> Floats:
    """[groups] how many prompts each of `groups` has."""
    return np.bincount(np.arange(len(set(prompt_ids))) % GROUPS).astype(np.float64)


def interval(value: float, left_out: Floats, sizes: Floats, noise: float = 0.0, level: float = 0.95) -> Interval:
    """The confidence interval of a number: Student's, with one degree of freedom less than there are groups.

    The variance is the delete-a-group jackknife's (Kott, 2001, "The delete-a-group jackknife"), for groups of unequal
    size as in Busing, Meijer and van der Leeden (1999), "Delete-m jackknife for unequal m"; and that of the noise. On
    average it is no smaller than the variance of the number of a corpus of one group less (Efron and Stein, 1981, "The
    jackknife estimate of variance"). Nothing keeps the interval within the range of the number.

    Args:
        value: the number of all texts.
        left_out: [groups] the number without each group.
        sizes: [groups] the prompts in each.
        noise: variance that the texts have no part in.
        level: the share of such intervals that hold the number's mean over corpora of this size.

    Returns:
        method "jackknife"; without an interval "constant" where the variance is 0, which tells nothing, and "none"
        where a number is not finite or there are fewer than two groups.
    """
    variance = _variance(value, left_out, sizes) + noise
    if not np.isfinite(variance):
        return Interval(np.nan, np.nan, "none")
    if variance == 0:
        return Interval(np.nan, np.nan, "constant")
    reach = _quantile(len(left_out), level) * float(np.sqrt(variance))
    return Interval(value - reach, value + reach, "jackknife")


def difference(
    value_a: float,
    left_out_a: Floats,
    value_b: float,
    left_out_b: Floats,
    sizes: Floats,
    noise: float = 0.0,
    level: float = 0.95,
) -> Difference:
    """The difference of two strategies over the same prompts, with its interval and the p-value of Student's test.

    The same prompts are left out on both sides, so what they do to both cancels.

    Args:
        value_a: the number of one strategy.
        left_out_a: [groups] that number without each group of prompts.
        value_b: the number of the other.
        left_out_b: [groups] that without the same groups.
        sizes: [groups] the prompts in each.
        noise: variance that the texts have no part in: the sum of both sides'.
        level: of the interval.

    Raises:
        ValueError: the two sides have not the same number of groups.
    """
    if len(left_out_a) != len(left_out_b):
        raise ValueError(f"difference: {len(left_out_a)} groups on one side, {len(left_out_b)} on the other")
    value, left_out = value_a - value_b, left_out_a - left_out_b
    found = interval(value, left_out, sizes, noise, level)
    if found.method == "none":
        return Difference(value, np.nan, np.nan, np.nan)
    if found.method == "constant":
        # Equal corpora do not differ; of others, whose difference no group seems to move, nothing can be said.
        equal = value == 0
        return Difference(value, np.nan, np.nan, 1.0 if equal else np.nan, "constant", "t" if equal else "none")
    from scipy.special import stdtr  # scipy takes longer to import than a command line may wait

    error = float(np.sqrt(_variance(value, left_out, sizes) + noise))
    p = 2 * float(stdtr(len(left_out) - 1, -abs(value) / error))
    return Difference(value, found.low, found.high, p, found.method, "t")


def _variance(value: float, left_out: Floats, sizes: Floats) -> float:
    """The delete-a-group variance; NaN where there is none.

    For groups of one size it is (G - 1) / G times the sum of squares about the mean of the G numbers.
    """
    if len(left_out) != len(sizes):
        raise ValueError(f"{len(left_out)} numbers without a group, {len(sizes)} groups")
    if len(left_out) < 2 or not (np.isfinite(value) and np.isfinite(left_out).all()):
        return float("nan")
    times = sizes.sum() / sizes  # as many such groups would make the corpus
    alone = times * value - (times - 1) * left_out  # what a group seems to say by itself: its pseudo-value
    deviation = alone - np.average(alone, weights=sizes)
    rounding = 1e-12 * times * max(abs(value), float(np.abs(left_out).max()))
    return 0.0 if (np.abs(deviation) <= rounding).all() else float(np.mean(deviation**2 / (times - 1)))


def _quantile(groups: int, level: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(groups - 1, (1 + level) / 2))
