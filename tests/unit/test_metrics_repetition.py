from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.util import ngrams as nltk_ngrams

from harness.errors import InputError
from harness.metrics.base import Tools
from harness.metrics.repetition import Repetition
from harness.stats import ratio
from tests.corpora import SEQUENCES, corpus, shuffled

TOOLS = Tools(references=None)


def welleck(tokens: list[int], n: int) -> float:
    """seq-rep-n of one text, from the definition: the share of n-grams that are not the first of their kind."""
    grams = list(nltk_ngrams(tokens, n))
    return 1.0 - len(set(grams)) / len(grams)


def simctg(texts: list[str], n: int, *, drop: bool) -> float:
    """SimCTG's pooled rep-n over words; `drop` loses the last n-gram of each text, as that code does."""
    unique = total = 0
    for text in texts:
        grams = list(nltk_ngrams(text.split(), n))
        grams = grams[:-1] if drop else grams
        unique, total = unique + len(set(grams)), total + len(grams)
    return 1.0 - unique / total


@given(SEQUENCES)
def test_macro_is_the_mean_of_the_definition_over_texts_that_have_n_grams(sequences: list[list[int]]) -> None:
    for score, n in zip(Repetition()(corpus(sequences), TOOLS), (1, 2, 3, 4), strict=True):
        expected = [welleck(tokens, n) if len(tokens) >= n else np.nan for tokens in sequences]
        assert score.name == f"rep-{n}"
        assert score.items is not None
        np.testing.assert_allclose(score.items, expected, atol=1e-15)
        mean = np.nanmean(expected) if not np.isnan(expected).all() else np.nan
        assert score.value == pytest.approx(mean, nan_ok=True)
        assert bool(score.notes) == bool(np.isnan(expected).any())


@given(st.lists(st.text(st.sampled_from("ab \n\u00e9\u6f22"), max_size=30), min_size=1, max_size=6))
def test_micro_words_is_the_pooled_formula(texts: list[str]) -> None:
    scores = Repetition(average="micro", unit="words")(corpus(texts=texts), TOOLS)
    for score, n in zip(scores, (1, 2, 3, 4), strict=True):
        if any(len(text.split()) >= n for text in texts):
            assert score.value == pytest.approx(simctg(texts, n, drop=False))
        else:
            assert np.isnan(score.value)


def test_the_last_n_gram_counts() -> None:
    text = "a b a b"
    (score,) = Repetition(sizes=(2,), unit="words")(corpus(texts=[text]), TOOLS)
    assert simctg([text], 2, drop=True) == 0.0  # the trap: two bigrams seen of three
    assert score.value == pytest.approx(1 / 3)


@given(SEQUENCES, st.randoms())
def test_the_order_of_texts_does_not_matter_and_values_are_shares(sequences: list[list[int]], random: object) -> None:
    for metric in (Repetition(), Repetition(average="micro")):
        for a, b in zip(metric(corpus(sequences), TOOLS), metric(shuffled(sequences, random), TOOLS), strict=True):
            assert a.value == pytest.approx(b.value, nan_ok=True)
            assert np.isnan(a.value) or 0 <= a.value < 1


@given(SEQUENCES)
def test_the_value_is_what_its_stats_combine_to(sequences: list[list[int]]) -> None:
    for metric in (Repetition(), Repetition(average="micro")):
        for score in metric(corpus(sequences), TOOLS):
            assert score.stats is not None
            assert score.combine == "ratio"
            assert float(ratio(score.stats.sum(axis=0))) == pytest.approx(score.value, nan_ok=True)


@given(SEQUENCES)
def test_duplicating_the_corpus_moves_nothing(sequences: list[list[int]]) -> None:
    for metric in (Repetition(), Repetition(average="micro")):
        for once, twice in zip(metric(corpus(sequences), TOOLS), metric(corpus(sequences * 2), TOOLS), strict=True):
            assert twice.value == pytest.approx(once.value, nan_ok=True)


def test_texts_from_elsewhere_are_counted_in_words_or_refused() -> None:
    bare = replace(corpus(texts=["\u6f22 \u6f22 \u6f22", "\U0001f600"]), tokens=None)
    assert Repetition(sizes=(1,), unit="words")(bare, TOOLS)[0].value == pytest.approx((2 / 3 + 0) / 2)
    with pytest.raises(InputError, match=r"metrics\.repetition counts model tokens"):
        Repetition()(bare, TOOLS)


def test_very_long_texts() -> None:
    varied = [i * i % 99_991 for i in range(100_000)]
    for score, n in zip(Repetition()(corpus([varied, [7] * 100_000]), TOOLS), (1, 2, 3, 4), strict=True):
        assert score.items is not None
        assert score.items.tolist() == [welleck(varied, n), 1 - 1 / (100_001 - n)]


def test_a_size_counts_once_and_sizes_come_in_order() -> None:
    scores = Repetition(sizes=(3, 1, 3))(corpus([[1, 2, 3]]), TOOLS)
    assert [score.name for score in scores] == ["rep-1", "rep-3"]


def test_a_text_of_one_token_only() -> None:
    score = Repetition(sizes=(1,))(corpus([[7] * 50]), TOOLS)[0]
    assert score.value == pytest.approx(49 / 50)
    assert Repetition(sizes=(4,))(corpus([[7] * 50]), TOOLS)[0].value == pytest.approx(46 / 47)


def test_no_texts_and_empty_texts_have_no_value() -> None:
    assert all(np.isnan(score.value) for score in Repetition()(corpus([]), TOOLS))
    scores = Repetition()(corpus([[], [1]]), TOOLS)
    assert scores[0].value == 0.0
    assert scores[0].notes == ("1 of 2 texts have no value",)
    assert np.isnan(scores[1].value)


@pytest.mark.parametrize("knobs", [{"sizes": (0,)}, {"sizes": ()}, {"average": "mean"}, {"unit": "bytes"}])
def test_knobs_out_of_range_are_refused(knobs: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(knobs))):
        Repetition(**knobs)  # type: ignore[arg-type]
