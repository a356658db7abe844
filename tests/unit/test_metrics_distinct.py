from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.util import ngrams as nltk_ngrams

from harness.metrics.base import Tools
from harness.metrics.distinct import Distinct
from harness.signature import comparable, differing, parse
from tests.corpora import SEQUENCES, corpus, golden, shuffled

TOOLS = Tools(references=None)


@given(SEQUENCES)
def test_it_is_types_over_total_of_all_texts_without_crossing_them(sequences: list[list[int]]) -> None:
    for score, n in zip(Distinct()(corpus(sequences), TOOLS), (1, 2, 3, 4), strict=True):
        grams = [gram for tokens in sequences for gram in nltk_ngrams(tokens, n)]
        expected = len(set(grams)) / len(grams) if grams else np.nan
        assert score.value == pytest.approx(expected, nan_ok=True)
        assert np.isnan(expected) or 0 < score.value <= 1


def test_it_counts_types_not_n_grams_seen_once() -> None:
    (score,) = Distinct(sizes=(1,))(corpus([[1, 2, 1, 2, 3, 4]]), TOOLS)
    assert score.value == pytest.approx(4 / 6)  # hapaxes alone would give 2 / 6


def test_no_n_gram_crosses_a_boundary() -> None:
    (score,) = Distinct(sizes=(2,))(corpus([[1, 2], [1, 2], [1, 2]]), TOOLS)
    assert score.value == pytest.approx(1 / 3)


@given(SEQUENCES, st.randoms())
def test_order_does_not_matter_and_duplicating_the_corpus_halves_it(sequences: list[list[int]], random: object) -> None:
    once = Distinct()(corpus(sequences), TOOLS)
    other = Distinct()(shuffled(sequences, random), TOOLS)
    twice = Distinct()(corpus(sequences * 2), TOOLS)
    for a, b, c in zip(once, other, twice, strict=True):
        assert a.value == pytest.approx(b.value, nan_ok=True)
        assert c.value == pytest.approx(a.value / 2, nan_ok=True)


def test_the_signature_tells_corpora_of_another_size_or_length_apart() -> None:
    base = Distinct(sizes=(2,))(corpus([[1, 2, 3]] * 4), TOOLS)[0]
    fewer = Distinct(sizes=(2,))(corpus([[1, 2, 3]] * 3), TOOLS)[0]
    shorter = Distinct(sizes=(2,))(corpus([[1, 2]] * 4), TOOLS)[0]
    assert differing(base.signature, fewer.signature) == {"texts": ("4", "3")}
    assert differing(base.signature, shorter.signature) == {"length": ("3", "2")}
    assert not comparable(base.signature, fewer.signature)
    assert parse(base.signature)["unit"] == "model-tokens"


def test_it_has_no_interval_and_notes_ragged_lengths() -> None:
    score = Distinct(sizes=(1,))(corpus([[1] * 10, [2] * 10]), TOOLS)[0]
    assert score.stats is None
    assert score.notes == ()
    ragged = Distinct(sizes=(1,))(corpus([[1] * 10, [2]]), TOOLS)[0]
    assert "5.5 tokens on average" in ragged.notes[0]


@pytest.mark.parametrize(
    ("name", "column"), [("gpt2-xl_contrastive_k6_a0.6", "generation"), ("reference", "reference")]
)
def test_it_gives_what_the_mauve_experiments_code_gives_on_published_texts(name: str, column: str) -> None:
    lines = golden("contrastive/book_gpt2-xl_contrastive_k6_a0.6.jsonl").read_text(encoding="utf-8").splitlines()
    values = json.loads(golden("contrastive/book.third-party-metrics.json").read_text())[f"book_{name}"]["words"]
    texts = [json.loads(line)[column] for line in lines]
    scores = Distinct(sizes=(1, 2, 3, 4, 5), unit="words")(corpus([[]] * len(texts), texts=texts), TOOLS)
    np.testing.assert_allclose([s.value for s in scores], values["distinct_n_mauve_experiments(1..5)"], atol=1e-12)
