"""How often a paired test finds a difference between strategies whose numbers are equal."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.statistics.coverage import measured
from experiments.statistics.pairs import Pair, many
from experiments.statistics.texts import Source, kinds
from harness.jackknife import difference, sizes
from harness.resampling import resampled_medians, resampled_sums
from harness.stats import COMBINES, Difference, Floats, holm, number, paired

ALPHA = 0.05


def of_pair(pair: Pair, n: int, sims: int, resamples: int) -> list[dict[str, Any]]:
    """The harness's test and interval, and what the tests that it could have had instead find in the same texts."""
    rng = np.random.default_rng([n, *pair.name.encode()])
    found: list[Difference] = []
    others: dict[str, list[float]] = {"percentile bootstrap": [], "bare swap": []}
    for _ in range(sims):
        a, b = pair.draw(rng, n)
        found.append(paired(a, b, range(n), pair.combine, resamples=resamples))
        others["percentile bootstrap"].append(bootstrap_p(pair, a, b, resamples))
        others["bare swap"].append(bare_swap_p(pair, a, b, resamples))
    ours = summary(pair.name, found, n, pair.difference)
    return [ours, *(row(pair.name, how, n, ps) for how, ps in others.items())]


def of_uneven(pair: Pair, n: int, sims: int, resamples: int) -> list[dict[str, Any]]:
    """The harness's test and interval where one side has more texts a prompt than the other."""
    rng, (one, other) = np.random.default_rng([n, *pair.name.encode()]), pair.prompts(n)
    drawn = (pair.draw(rng, n) for _ in range(sims))
    found = [paired(a, b, one, pair.combine, clusters_b=other, resamples=resamples) for a, b in drawn]
    return [summary(pair.name, found, n, pair.difference)]


def bootstrap_p(pair: Pair, a: Floats, b: Floats, resamples: int) -> float:
    """Twice the smaller share of resampled differences on either side of zero."""

    def resampled(stats: Floats) -> Floats:
        if pair.combine == "median":
            return resampled_medians(stats[:, 0], np.arange(len(stats)), len(stats), resamples, 0)
        return COMBINES[pair.combine](resampled_sums(stats, resamples, 0))

    draws = resampled(a) - resampled(b)
    draws = draws[np.isfinite(draws)]
    return min(1.0, 2 * (min(np.sum(draws <= 0), np.sum(draws >= 0)) + 1) / (len(draws) + 1))


def bare_swap_p(pair: Pair, a: Floats, b: Floats, swaps: int) -> float:
    """Swaps as in `harness.swapping`, without dividing the difference by its standard error."""
    swapped: NDArray[np.bool_] = np.random.default_rng(0).random((swaps, len(a))) < 0.5
    if pair.combine == "median":
        sides = (np.where(s, x[:, 0], y[:, 0]) for s, x, y in ((swapped, a, b), (swapped, b, a)))
        found = np.subtract(*(np.median(side, axis=1) for side in sides))
    else:
        moved = swapped.astype(np.float64) @ (a - b)
        found = COMBINES[pair.combine](b.sum(axis=0) + moved) - COMBINES[pair.combine](a.sum(axis=0) - moved)
    observed = abs(number(a, pair.combine) - number(b, pair.combine))
    return (int(np.sum(np.abs(found) >= observed * (1 - 1e-7) - 1e-12)) + 1) / (swaps + 1)


def of_texts(n: int, sims: int) -> list[dict[str, Any]]:
    """The jackknife's t test of corpus measures, between two corpora of the same source over the same prompts."""
    rng, source = np.random.default_rng(n), Source()
    found: dict[str, list[Difference]] = {}
    for _ in range(sims):
        prompts = kinds(rng, n)
        first, second = source.corpus(rng, prompts), source.corpus(rng, prompts)
        for a, b in zip(measured(first), measured(second), strict=True):
            assert a.left_out is not None
            assert b.left_out is not None
            made = difference(a.value, a.left_out, b.value, b.left_out, sizes(first.prompt_ids))
            found.setdefault(a.name, []).append(made)
    return [summary(name, each, n, 0.0) for name, each in found.items()]


def of_table(n: int, sims: int, resamples: int) -> list[dict[str, Any]]:
    """Tables of 8 identical strategies in 10 measures: how many have a p at most 5% among 70, before Holm and after."""
    rng = np.random.default_rng(n)
    least: dict[str, list[float]] = {"no correction": [], "Holm": []}
    for _ in range(sims):
        measures = many(rng, n, strategies=8)
        tests = [
            paired(other, baseline, range(n), combine, resamples=resamples).p
            for combine, (baseline, *others) in measures
            for other in others
        ]
        least["no correction"].append(min(tests))
        least["Holm"].append(float(np.nanmin(holm(tests))))
    return [row("a table of 8 strategies × 10 measures", how, n, ps) for how, ps in least.items()]


def summary(name: str, made: list[Difference], n: int, truth: float) -> dict[str, Any]:
    """The error rate, and the share of intervals that hold the true difference."""
    covered = np.mean([each.low <= truth <= each.high for each in made])
    return row(name, made[0].test, n, [each.p for each in made]) | {"covered": float(covered), "difference": truth}


def row(name: str, test: str, n: int, ps: list[float]) -> dict[str, Any]:
    """The share of tests with p at most 5%."""
    wrong = float(np.mean(np.array(ps) <= ALPHA))
    return {"number": name, "test": test, "prompts": n, "simulations": len(ps), "rejected": wrong}
