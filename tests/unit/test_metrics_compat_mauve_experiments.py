from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given

from harness.metrics.compat import degen, mauve_experiments
from harness.metrics.ngrams import ngrams
from tests.corpora import SEQUENCES


def distinct(sequences: list[list[int]], sizes: tuple[int, ...]) -> list[float]:
    return [mauve_experiments.distinct(grams) for grams in ngrams(sequences, sizes)]


def test_distinct_n_counts_kinds_and_is_zero_without_n_grams() -> None:
    assert distinct([[1, 2, 1, 2, 3, 4]], (2,)) == [0.8]  # 12 21 23 34 of five; degen has 3 of 5
    assert distinct([[1]], (1, 2)) == [1.0, 0.0]
    assert distinct([], (1,)) == [0.0]


@given(SEQUENCES)
def test_doubling_the_corpus_halves_distinct_n(sequences: list[list[int]]) -> None:
    once, twice = (distinct(s, (1, 2, 3)) for s in (sequences, sequences * 2))
    assert twice == pytest.approx([value / 2 for value in once])


def test_a_loop_may_be_of_five_hundred_tokens() -> None:
    assert mauve_experiments.loops(list(range(500)) * 2)
    assert not degen.loops(list(range(500)) * 2)
    assert not mauve_experiments.loops(list(range(501)) * 2)


def test_zipf_drops_the_last_rank_and_keeps_the_slopes_sign() -> None:
    # Ranks 1 and 2 are left of three: log 8 and log 2 at 0 and round(15 log 2) / 15 = 10/15.
    assert mauve_experiments.zipf(np.array([2, 8, 1])) == pytest.approx(-np.log(4) / (10 / 15))
    assert np.isnan(mauve_experiments.zipf(np.array([2, 8])))  # one rank is no line


def test_zipf_keeps_the_first_rank_of_every_step_of_a_fifteenth() -> None:
    counts = np.sort(np.random.default_rng(0).integers(1, 10**6, 300))[::-1]
    x: dict[int, float] = {}
    for rank in range(1, 300):
        x.setdefault(round(15 * float(np.log(rank))), float(np.log(counts[rank - 1])))
    steps = np.array(list(x)) / 15
    assert len(steps) < 80  # the tail is thinned
    expected = np.polyfit(steps, list(x.values()), 1)[0]
    assert mauve_experiments.zipf(counts) == pytest.approx(expected, abs=1e-9)
    assert mauve_experiments.zipf(counts * 3) == pytest.approx(expected, abs=1e-9)


def test_zipf_looks_at_the_five_thousand_most_frequent_only() -> None:
    law = (1e9 / np.arange(1, 5001)).astype(np.int64)
    assert mauve_experiments.zipf(law) == pytest.approx(-1.0, abs=1e-2)
    assert mauve_experiments.zipf(np.concatenate([law, np.ones(99, dtype=np.int64)])) == mauve_experiments.zipf(law)


def test_self_bleu_has_five_hundred_hypotheses_and_another_seed_than_degens() -> None:
    rng = np.random.default_rng(1)
    sequences = [rng.integers(0, 4, int(n)).tolist() for n in rng.integers(1, 9, 501)]
    everything = degen.self_bleu(sequences, (1,))[0]
    left = next(iter(set(range(501)) - set(random.Random(1234).sample(range(501), 500))))
    alone = degen.self_bleu([sequences[left], *sequences[:left], *sequences[left + 1 :]], (1,), sample=501)[0]
    assert alone == pytest.approx(everything)  # as all are scored, their order does not matter
    value = mauve_experiments.self_bleu(sequences, (1,))[0]
    missing = 501 * everything - 500 * value
    assert 0 <= missing <= 1
    assert value != everything


def test_perplexity_divides_by_one_token_more_per_text() -> None:
    # Two texts of three and two tokens: three log-probabilities over five tokens.
    logprobs = [np.log([0.5, 0.25]), np.log([0.25])]
    assert mauve_experiments.perplexity(logprobs) == pytest.approx(2 ** (5 / 5))
    assert degen.perplexity(logprobs) == pytest.approx(2 ** (5 / 3))
    assert np.isnan(mauve_experiments.perplexity([]))
