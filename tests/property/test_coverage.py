"""Intervals hold the truth, and tests are wrong, about as often as they say: a small fixed simulation.

experiments/statistics has the large one. Of `SIMS` simulations at a true 95% the share that holds is off by more than
`LEEWAY`, 3.5 standard errors, once in 2,000; what is asked for is 93% to 97%, give or take that.
"""

from __future__ import annotations

import numpy as np
import pytest

from experiments.statistics.errors import bare_swap_p
from experiments.statistics.pairs import APART, MOVED, SAME, UNEVEN, Pair, many
from experiments.statistics.texts import Source, kinds
from experiments.statistics.worlds import WORLDS, World
from harness.jackknife import interval, sizes
from harness.metrics.base import Score, Tools
from harness.metrics.distinct import Distinct
from harness.metrics.ngram_entropy import NgramEntropy
from harness.stats import bootstrap, holm, paired

SIMS = 300
LEEWAY = 3.5 * float(np.sqrt(0.05 * 0.95 / SIMS))
PROMPTS = 100
RESAMPLES = 1000

# Found in experiments/statistics to miss 93% at 100 prompts.
HARD = ("mean, lognormal σ 1",)
TESTED = [pair for pair in (*SAME, *APART) if "nineteen" not in pair.name]


def coverage(world: World, clusters: list[int]) -> float:
    rng = np.random.default_rng(1)
    made = [bootstrap(world.draw(rng, PROMPTS), clusters, world.combine, resamples=RESAMPLES) for _ in range(SIMS)]
    return float(np.mean([each.low <= world.truth <= each.high for each in made]))


@pytest.mark.parametrize("world", [w for w in WORLDS if w.name not in HARD], ids=lambda world: world.name)
def test_95_in_100_intervals_hold_the_truth(world: World) -> None:
    assert 0.93 - LEEWAY < coverage(world, world.prompts(PROMPTS)) < 0.97 + LEEWAY


def test_texts_of_a_prompt_taken_for_independent_are_noticed() -> None:
    (world,) = (w for w in WORLDS if w.name == "mean, 4 samples a prompt")
    assert coverage(world, list(range(4 * PROMPTS))) < 0.93 - LEEWAY


@pytest.mark.parametrize("n", [60, 70])  # 20 groups of 3; groups of 3 and 4
def test_the_jackknife_holds_the_mean_over_corpora(n: int) -> None:
    rng, source, found = np.random.default_rng(2), Source(), dict[str, list[Score]]()
    for _ in range(SIMS):
        corpus = source.corpus(rng, kinds(rng, n))
        for metric in (Distinct(sizes=(1, 2)), NgramEntropy(sizes=(1, 3))):
            for score in metric(corpus, Tools(None)):
                found.setdefault(score.name, []).append(score)
    for name, scores in found.items():
        truth = np.mean([score.value for score in scores])
        made = [interval(s.value, np.asarray(s.left_out), sizes(corpus.prompt_ids)) for s in scores]
        share = float(np.mean([each.low <= truth <= each.high for each in made]))
        assert 0.93 - LEEWAY < share < 0.97 + LEEWAY, name


@pytest.mark.parametrize("pair", TESTED, ids=lambda pair: pair.name)
def test_5_in_100_tests_of_equal_numbers_are_wrong_at_most(pair: Pair) -> None:
    rng = np.random.default_rng(3)
    made = [paired(*pair.draw(rng, 50), range(50), pair.combine, resamples=RESAMPLES) for _ in range(SIMS)]
    assert np.mean([each.p <= 0.05 for each in made]) < 0.05 + LEEWAY
    assert np.mean([each.low <= 0 <= each.high for each in made]) > 0.93 - LEEWAY


@pytest.mark.parametrize("pair", UNEVEN, ids=lambda pair: pair.name)
def test_one_text_against_several_is_no_difference_either(pair: Pair) -> None:
    rng, (one, several) = np.random.default_rng(6), pair.prompts(30)
    drawn = (pair.draw(rng, 30) for _ in range(SIMS))
    made = [paired(a, b, one, pair.combine, clusters_b=several, resamples=300) for a, b in drawn]
    assert np.mean([each.p <= 0.05 for each in made]) < 0.05 + LEEWAY


def test_differences_that_are_not_divided_by_their_error_are_noticed() -> None:
    (pair,) = (p for p in APART if p.name == "ratio, other lengths")
    rng = np.random.default_rng(3)
    wrong = [bare_swap_p(pair, *pair.draw(rng, 50), RESAMPLES) <= 0.05 for _ in range(SIMS)]
    assert np.mean(wrong) > 0.05 + LEEWAY


def test_a_true_difference_is_found_and_held() -> None:
    (pair,) = MOVED
    rng = np.random.default_rng(4)
    made = [paired(*pair.draw(rng, 100), range(100), pair.combine, resamples=RESAMPLES) for _ in range(SIMS)]
    held = np.mean([each.low <= pair.difference <= each.high for each in made])
    assert 0.93 - LEEWAY < held < 0.97 + LEEWAY
    assert np.mean([each.p <= 0.05 for each in made]) > 0.4


def test_a_table_of_tests_is_wrong_once_in_20_at_most() -> None:
    rng, tables = np.random.default_rng(5), 40
    plain, corrected = 0, 0
    for _ in range(tables):
        measures = many(rng, 40, strategies=4)
        ps = [paired(b, a, range(40), how, resamples=RESAMPLES).p for how, (a, *rest) in measures for b in rest]
        plain += min(ps) <= 0.05
        corrected += float(np.nanmin(holm(ps))) <= 0.05
    assert plain > tables / 4
    assert corrected <= 7  # at most 5% of 40 tables: more than 7 once in 1,000
