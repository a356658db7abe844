from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from nltk.util import ngrams as nltk_ngrams
from scipy.stats import linregress

from harness.metrics.compat import degen
from harness.metrics.ngrams import ngrams
from tests.corpora import SEQUENCES


def hapaxes(sequences: list[list[int]], size: int) -> tuple[int, int]:
    (grams,) = ngrams(sequences, (size,))
    return degen.hapaxes(grams), len(grams.ids)


def test_distinct_n_counts_hapaxes() -> None:
    # Bigrams 12 21 12 23 34: four kinds, but 12 comes twice and is taken off again.
    assert hapaxes([[1, 2, 1, 2, 3, 4]], 2) == (3, 5)
    assert hapaxes([[1, 2], [1, 2]], 1) == (0, 4)  # over all texts together
    assert hapaxes([[1], [2]], 2) == (0, 0)  # none crosses from one text into the next
    assert hapaxes([], 1) == (0, 0)


@given(SEQUENCES, st.integers(1, 4))
def test_hapaxes_by_a_counter(sequences: list[list[int]], size: int) -> None:
    seen = Counter(gram for tokens in sequences for gram in nltk_ngrams(tokens, size))
    assert hapaxes(sequences, size) == (sum(n == 1 for n in seen.values()), seen.total())
    assert hapaxes(sequences * 2, size) == (0, 2 * seen.total())


@pytest.mark.parametrize(
    ("tokens", "loop"),
    [
        ("xyzabcabc", True),  # three tokens twice: the paper asks for three times
        ("xyzababab", False),  # two tokens three times: a loop by the paper's rule
        ("xab" + "ab" * 49, False),  # 50 times
        ("xab" + "ab" * 50, True),  # 51 times
        ("a" * 50, False),
        ("a" * 51, True),
        ("abcabcx", False),  # not at the end
        ("abcabc" * 8, True),
        ("abab", False),  # "ab" and no longer phrase twice
        ("a", False),
        ("", False),
    ],
)
def test_what_is_a_loop(tokens: str, loop: bool) -> None:
    assert degen.loops(tokens) is loop


def test_the_shortest_of_the_phrases_that_stand_there_equally_often_decides() -> None:
    # At the end of "baabaa" "a" and "baa" both stand twice: the shortest is "a", and twice is too few for it.
    assert degen.repeats("baabaa") == (1, 2)
    assert not degen.loops("baabaa")


def test_a_phrase_of_more_than_ninety_tokens_is_not_found() -> None:
    assert degen.loops(list(range(90)) * 2)
    assert not degen.loops(list(range(91)) * 2)
    assert degen.loops(list(range(91)) * 2, longest=91)


@given(st.lists(st.integers(0, 1), max_size=40), st.integers(1, 20))
def test_repeats_by_comparing_slices(tokens: list[int], longest: int) -> None:
    times = {}
    for period in range(1, longest + 1):
        phrase, count = tokens[-period:], 1
        while len(tokens) >= (count + 1) * period and tokens[-(count + 1) * period :] == phrase * (count + 1):
            count += 1
        times[period] = count
    most = max(times.values())
    assert degen.repeats(tokens, longest) == (min(n for n, count in times.items() if count == most), most)


def test_a_hundred_thousand_equal_tokens() -> None:
    assert degen.repeats([7] * 100_000) == (1, 100_000)


@given(st.lists(st.integers(0, 50), max_size=30))
def test_zipf_by_scipy(counts: list[int]) -> None:
    found = sorted((count for count in counts if count), reverse=True)
    slope, fit = degen.zipf(np.array(counts, dtype=np.int64))
    if len(found) < 2:
        assert np.isnan(slope)
        return
    line = linregress(np.log(np.arange(1, len(found) + 1)), np.log(found))
    assert slope == pytest.approx(-line.slope, abs=1e-12)
    assert fit == pytest.approx(-line.rvalue, abs=1e-9) or found[0] == found[-1]  # a flat line has no correlation
    assert degen.zipf(2 * np.array(counts))[0] == pytest.approx(slope, abs=1e-9)


def test_zipf_takes_the_five_thousand_most_frequent_only() -> None:
    law = (1e9 / np.arange(1, 5001)).astype(np.int64)
    assert degen.zipf(law)[0] == pytest.approx(1.0, abs=1e-3)
    assert degen.zipf(np.concatenate([law, np.ones(5000, dtype=np.int64)])) == degen.zipf(law)


def nltk_bleu(sequences: list[list[int]], size: int, i: int) -> float:
    others = sequences[:i] + sequences[i + 1 :]
    smoothing = SmoothingFunction().method1
    return float(sentence_bleu(others, sequences[i], weights=[1 / size] * size, smoothing_function=smoothing))


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=9), min_size=2, max_size=5))
def test_self_bleu_is_nltks(sequences: list[list[int]]) -> None:
    for size, value in zip(degen.BLEU_SIZES, degen.self_bleu(sequences, degen.BLEU_SIZES), strict=True):
        expected = np.mean([nltk_bleu(sequences, size, i) for i in range(len(sequences))])
        assert value == pytest.approx(expected, abs=1e-12)


def test_self_bleu_draws_other_hypotheses_for_every_size_by_their_place() -> None:
    rng = np.random.default_rng(0)
    sequences = [rng.integers(0, 4, 10).tolist() for _ in range(12)]
    random.seed(0)  # the module's own generator, once, then one draw per size: as that code has it
    for size, value in zip((1, 2), degen.self_bleu(sequences, (1, 2), sample=5), strict=True):
        drawn = random.sample(range(12), 5)
        assert value == pytest.approx(np.mean([nltk_bleu(sequences, size, i) for i in drawn]), abs=1e-12)
    sequences = [[1, 2, 3], [1, 2, 4], [5, 6]]
    values = {degen.self_bleu([*sequences[i:], *sequences[:i]], (1,), sample=1)[0] for i in range(3)}
    assert len(values) > 1  # the order of the texts matters


def test_self_bleu_of_one_text_is_no_number() -> None:
    assert np.isnan(degen.self_bleu([[1, 2]], (1, 2))).all()


def test_perplexity_weighs_every_token_alike() -> None:
    halves = [np.log([0.5, 0.5, 0.5]), np.log([0.125]), np.empty(0)]
    assert degen.perplexity(halves) == pytest.approx(2**1.5)  # (1 + 1 + 1 + 3) / 4 bits
    assert np.isnan(degen.perplexity([]))
