from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.util import ngrams as nltk_ngrams
from scipy import stats

from harness.errors import InputError
from harness.jackknife import groups
from harness.metrics.base import Tools
from harness.metrics.ngram_entropy import NgramEntropy
from harness.signature import differing, parse
from tests.corpora import SEQUENCES, corpus, shuffled

TOOLS = Tools(references=None)
SIZES = (1, 2, 3, 4)


def by_scipy(sequences: list[list[int]], size: int, corrected: bool = False) -> float:
    counts = list(Counter(gram for text in sequences for gram in nltk_ngrams(text, size)).values())
    if not counts:
        return float("nan")
    plain = float(stats.entropy(counts, base=2))
    return plain + (len(counts) - 1) / (2 * sum(counts) * math.log(2)) if corrected else plain


@given(SEQUENCES)
def test_it_is_scipys_entropy_of_the_counts(sequences: list[list[int]]) -> None:
    plain = NgramEntropy()(corpus(sequences), TOOLS)
    corrected = NgramEntropy(correction="miller-madow")(corpus(sequences), TOOLS)
    for size, a, b in zip(SIZES, plain, corrected, strict=True):
        assert a.value == pytest.approx(by_scipy(sequences, size), abs=1e-12, nan_ok=True)
        assert b.value == pytest.approx(by_scipy(sequences, size, corrected=True), abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("corrected", [False, True])
@given(sequences=SEQUENCES, data=st.data())
def test_without_a_group_it_is_the_value_of_what_is_left(
    corrected: bool, sequences: list[list[int]], data: st.DataObject
) -> None:
    prompts = data.draw(st.lists(st.sampled_from("abcd"), min_size=len(sequences), max_size=len(sequences)))
    group = groups(prompts)
    metric = NgramEntropy(correction="miller-madow" if corrected else "none")
    for size, score in zip(SIZES, metric(replace(corpus(sequences), prompt_ids=prompts), TOOLS), strict=True):
        lefts = [[text for text, its in zip(sequences, group, strict=True) if its != g] for g in range(max(group) + 1)]
        expected = [by_scipy(left, size, corrected) for left in lefts]
        np.testing.assert_allclose(score.left_out, expected, rtol=0, atol=1e-12)  # type: ignore[arg-type]


@given(SEQUENCES, st.randoms())
def test_neither_order_nor_a_copy_of_the_corpus_moves_it(sequences: list[list[int]], random: object) -> None:
    once = NgramEntropy()(corpus(sequences), TOOLS)
    other = NgramEntropy()(shuffled(sequences, random), TOOLS)
    twice = NgramEntropy()(corpus(sequences * 2), TOOLS)
    for a, b, c in zip(once, other, twice, strict=True):
        assert b.value == pytest.approx(a.value, abs=1e-12, nan_ok=True)
        assert c.value == pytest.approx(a.value, abs=1e-12, nan_ok=True)


@given(SEQUENCES)
def test_a_copy_of_the_corpus_halves_the_correction(sequences: list[list[int]]) -> None:
    def bias(texts: list[list[int]]) -> float:
        corrected = NgramEntropy(sizes=(2,), correction="miller-madow")(corpus(texts), TOOLS)[0]
        return corrected.value - NgramEntropy(sizes=(2,))(corpus(texts), TOOLS)[0].value

    assert bias(sequences * 2) == pytest.approx(bias(sequences) / 2, abs=1e-12, nan_ok=True)


def test_the_plug_in_estimate_is_too_low_and_the_correction_takes_most_of_it_back() -> None:
    text = np.random.default_rng(0).integers(0, 64, size=1000).tolist()  # 6 bits each
    plain = NgramEntropy(sizes=(1,))(corpus([text]), TOOLS)[0].value
    corrected = NgramEntropy(sizes=(1,), correction="miller-madow")(corpus([text]), TOOLS)[0].value
    assert plain < corrected
    assert abs(corrected - 6) < abs(plain - 6) / 3


def test_extreme_corpora() -> None:
    assert [score.value for score in NgramEntropy()(corpus([[7] * 100_000]), TOOLS)] == [0.0] * 4
    assert [s.value for s in NgramEntropy()(corpus([list(range(2**12 + 3))]), TOOLS)][-1] == pytest.approx(12)
    nothing: list[list[list[int]]] = [[], [[]], [[1], [2]]]
    for sequences in nothing:
        assert np.isnan(NgramEntropy(sizes=(2,))(corpus(sequences), TOOLS)[0].value)


def test_the_signature_holds_what_moves_the_number() -> None:
    (base,) = NgramEntropy(sizes=(2,))(corpus([[1, 2, 3]] * 4), TOOLS)
    (other,) = NgramEntropy(sizes=(2,), correction="miller-madow")(corpus([[1, 2]] * 3), TOOLS)
    assert differing(base.signature, other.signature) == {
        "correction": ("none", "miller-madow"),
        "texts": ("4", "3"),
        "length": ("3", "2"),
    }
    assert parse(base.signature)["name"] == base.name == "ngram-entropy-2"


def test_texts_without_tokens_are_counted_in_words_only() -> None:
    bare = replace(corpus([[]] * 2, texts=["日本 né né", "né 🙂 日本"]), tokens=None)
    with pytest.raises(InputError, match=r"metrics\.ngram_entropy counts model tokens"):
        NgramEntropy()(bare, TOOLS)
    (score,) = NgramEntropy(sizes=(1,), unit="words")(bare, TOOLS)
    assert score.value == pytest.approx(by_scipy([[1, 2, 2], [2, 3, 1]], 1))
