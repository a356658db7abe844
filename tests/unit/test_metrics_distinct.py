from __future__ import annotations

import json
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.util import ngrams as nltk_ngrams

from harness.errors import InputError
from harness.jackknife import GROUPS, groups
from harness.metrics.base import Tools
from harness.metrics.distinct import Distinct
from harness.signature import comparable, differing, parse
from tests.corpora import SEQUENCES, corpus, golden, shuffled

TOOLS = Tools(references=None)


def types_over_total(sequences: list[list[int]], n: int) -> float:
    """distinct-n from the definition; NaN without n-grams."""
    grams = [gram for tokens in sequences for gram in nltk_ngrams(tokens, n)]
    return len(set(grams)) / len(grams) if grams else float("nan")


@given(SEQUENCES)
def test_it_is_types_over_total_of_all_texts_without_crossing_them(sequences: list[list[int]]) -> None:
    for score, n in zip(Distinct()(corpus(sequences), TOOLS), (1, 2, 3, 4), strict=True):
        np.testing.assert_equal(score.value, types_over_total(sequences, n))
        assert np.isnan(score.value) or 0 < score.value <= 1


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
        np.testing.assert_equal(c.value, a.value / 2)


@given(SEQUENCES, st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_left_out_is_the_number_without_each_group_of_prompts(sequences: list[list[int]], prompts: list[int]) -> None:
    whole = replace(corpus(sequences), prompt_ids=[f"p{i}" for i in prompts[: len(sequences)]])
    group = groups(whole.prompt_ids)
    for score, n in zip(Distinct()(whole, TOOLS), (1, 2, 3, 4), strict=True):
        left_out = []
        for without in range(max(group) + 1):
            kept = [tokens for tokens, its_group in zip(sequences, group, strict=True) if its_group != without]
            left_out.append(types_over_total(kept, n))
        np.testing.assert_array_equal(score.left_out, left_out)


def test_a_hundred_prompts_are_left_out_twenty_times() -> None:
    sequences = [[i % 7, i % 5, i % 3, 1, i] for i in range(200)]
    whole = replace(corpus(sequences), prompt_ids=[f"p{i // 2}" for i in range(200)])
    (score,) = Distinct(sizes=(2,))(whole, TOOLS)
    group = groups(whole.prompt_ids)
    kept = [[t for t, g in zip(sequences, group, strict=True) if g != without] for without in range(GROUPS)]
    np.testing.assert_array_equal(score.left_out, [types_over_total(texts, 2) for texts in kept])


@given(SEQUENCES, st.randoms())
def test_what_is_left_out_does_not_depend_on_the_order(sequences: list[list[int]], random: random.Random) -> None:
    named = [(f"p{i % 3}", tokens) for i, tokens in enumerate(sequences)]
    mixed = random.sample(named, len(named))
    a, b = (replace(corpus([t for _, t in texts]), prompt_ids=[p for p, _ in texts]) for texts in (named, mixed))
    for one, other in zip(Distinct()(a, TOOLS), Distinct()(b, TOOLS), strict=True):
        np.testing.assert_array_equal(one.left_out, other.left_out)


def test_the_signature_tells_corpora_of_another_size_or_length_apart() -> None:
    base = Distinct(sizes=(2,))(corpus([[1, 2, 3]] * 4), TOOLS)[0]
    fewer = Distinct(sizes=(2,))(corpus([[1, 2, 3]] * 3), TOOLS)[0]
    shorter = Distinct(sizes=(2,))(corpus([[1, 2]] * 4), TOOLS)[0]
    assert differing(base.signature, fewer.signature) == {"texts": ("4", "3")}
    assert differing(base.signature, shorter.signature) == {"length": ("3", "2")}
    assert not comparable(base.signature, fewer.signature)
    assert parse(base.signature)["unit"] == "model-tokens"


def test_a_single_prompt_leaves_nothing_and_ragged_lengths_are_noted() -> None:
    score = Distinct(sizes=(1,))(corpus([[1] * 10, [2] * 10]), TOOLS)[0]
    assert score.stats is None  # resampled texts would repeat
    assert score.notes == ()
    (alone,) = Distinct(sizes=(1,))(corpus([[1, 2]]), TOOLS)
    np.testing.assert_array_equal(alone.left_out, [np.nan])
    ragged = Distinct(sizes=(1,))(corpus([[1] * 10, [2]]), TOOLS)[0]
    assert "5.5 tokens on average" in ragged.notes[0]


def test_empty_long_and_foreign_texts() -> None:
    assert all(np.isnan(score.value) for many in (0, 2) for score in Distinct()(corpus([[]] * many), TOOLS))
    (long,) = Distinct(sizes=(4,))(corpus([[7] * 100_000, [7]]), TOOLS)
    assert long.value == 1 / 99_997
    bare = replace(corpus(texts=["\u6f22 \u5b57 \u6f22", "\U0001f600"]), tokens=None)
    (words,) = Distinct(sizes=(1,), unit="words")(bare, TOOLS)
    assert words.value == 3 / 4
    with pytest.raises(InputError, match=r"metrics\.distinct counts model tokens"):
        Distinct()(bare, TOOLS)


@pytest.mark.parametrize(
    ("name", "column"), [("gpt2-xl_contrastive_k6_a0.6", "generation"), ("reference", "reference")]
)
def test_it_gives_what_the_mauve_experiments_code_gives_on_published_texts(name: str, column: str) -> None:
    lines = golden("contrastive/book_gpt2-xl_contrastive_k6_a0.6.jsonl").read_text(encoding="utf-8").splitlines()
    values = json.loads(golden("contrastive/book.third-party-metrics.json").read_text())[f"book_{name}"]["words"]
    texts = [json.loads(line)[column] for line in lines]
    scores = Distinct(sizes=(1, 2, 3, 4, 5), unit="words")(corpus([[]] * len(texts), texts=texts), TOOLS)
    np.testing.assert_allclose([s.value for s in scores], values["distinct_n_mauve_experiments(1..5)"], atol=1e-12)
