"""How often a 95% interval holds the true number."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtr

from experiments.statistics.texts import Source, kinds
from experiments.statistics.worlds import World
from harness.jackknife import interval, sizes
from harness.metrics.base import Corpus, Metric, Score, Tools
from harness.metrics.distinct import Distinct
from harness.metrics.ngram_entropy import NgramEntropy
from harness.metrics.self_bleu import SelfBleu
from harness.metrics.zipf import Zipf
from harness.stats import Interval, bootstrap

METRICS: tuple[Metric, ...] = (Distinct(), NgramEntropy(), Zipf(), SelfBleu())


def of_world(world: World, n: int, sims: int, resamples: int) -> list[dict[str, Any]]:
    """Coverage over n prompts: of the interval as it is; BCa not widened; and with texts taken for independent."""
    given = {"as it is": (world.prompts(n), 0.95)}
    if world.combine not in ("median", "share") and n <= 100:
        given["not widened"] = (world.prompts(n), narrowed(n))
    if world.samples > 1:
        given["texts taken for independent"] = (list(range(n * world.samples)), 0.95)
    rows = []
    for how, (clusters, level) in given.items():
        rng = np.random.default_rng([n, *world.name.encode()])
        drawn = (world.draw(rng, n) for _ in range(sims))
        made = [bootstrap(stats, clusters, world.combine, resamples=resamples, level=level) for stats in drawn]
        rows.append(summary(world.name, how, n, made, world.truth))
    return rows


def narrowed(n: int, level: float = 0.95) -> float:
    """The level at which the widened interval of n prompts is the plain one of `level`."""
    return 2 * float(stdtr(n - 1, ndtri((1 + level) / 2) * np.sqrt((n - 1) / n))) - 1


def of_texts(n: int, sims: int) -> list[dict[str, Any]]:
    """Coverage of the jackknife of corpus measures; the truth is their mean over the simulated corpora."""
    rng, source = np.random.default_rng(n), Source()
    values: dict[str, list[float]] = {}
    found: dict[str, list[Interval]] = {}
    for _ in range(sims):
        corpus = source.corpus(rng, kinds(rng, n))
        for score in measured(corpus):
            assert score.left_out is not None
            values.setdefault(score.name, []).append(score.value)
            made = interval(score.value, score.left_out, sizes(corpus.prompt_ids))
            found.setdefault(score.name, []).append(made)
    return [summary(name, "as it is", n, found[name], float(np.mean(each))) for name, each in values.items()]


def measured(corpus: Corpus) -> list[Score]:
    """Every score of the corpus measures."""
    return [score for metric in METRICS for score in metric(corpus, Tools(None))]


def summary(name: str, how: str, n: int, made: list[Interval], truth: float) -> dict[str, Any]:
    """Shares of intervals that hold the truth, lie below and above it; mean width; by which methods."""
    low, high = np.array([each.low for each in made]), np.array([each.high for each in made])
    return {
        "number": name,
        "how": how,
        "prompts": n,
        "simulations": len(made),
        "covered": float(np.mean((low <= truth) & (truth <= high))),
        "below": float(np.mean(high < truth)),
        "above": float(np.mean(low > truth)),
        "width": float(np.nanmean(high - low)),
        "methods": dict(Counter(each.method for each in made)),
    }
