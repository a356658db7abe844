from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.util import ngrams as nltk_ngrams

from harness.errors import InputError
from harness.metrics.base import Tools
from harness.metrics.diversity import Diversity
from harness.signature import differing, parse
from harness.stats import complements
from tests.corpora import SEQUENCES, corpus, golden, shuffled

TOOLS = Tools(references=None)


def share(sequences: list[list[int]], n: int) -> float:
    """|different n-grams| / |n-grams|, each text counted by itself and the counts added; NaN without n-grams."""
    grams = [list(nltk_ngrams(tokens, n)) for tokens in sequences]
    total = sum(map(len, grams))
    return sum(len(set(each)) for each in grams) / total if total else math.nan


def product(sequences: list[list[int]], sizes: tuple[int, ...] = (2, 3, 4)) -> float:
    return math.prod(share(sequences, n) for n in sizes)


@given(SEQUENCES)
def test_micro_is_the_product_of_pooled_shares(sequences: list[list[int]]) -> None:
    (score,) = Diversity()(corpus(sequences), TOOLS)
    assert score.name == "diversity"
    assert score.value == pytest.approx(product(sequences), nan_ok=True)
    assert score.stats is not None
    assert score.combine == "complements"
    assert float(complements(score.stats.sum(axis=0))) == pytest.approx(score.value, nan_ok=True)
    short = sum(len(tokens) < 4 for tokens in sequences)
    assert score.notes == ((f"{short} of {len(sequences)} texts have no 4-gram",) if short else ())


@given(SEQUENCES)
def test_macro_is_the_mean_of_the_products_of_texts_that_have_one(sequences: list[list[int]]) -> None:
    (score,) = Diversity(average="macro")(corpus(sequences), TOOLS)
    each = [product([tokens]) for tokens in sequences]
    has = [value for value in each if not math.isnan(value)]
    assert score.value == pytest.approx(sum(has) / len(has) if has else math.nan, nan_ok=True)
    assert score.items is not None
    np.testing.assert_allclose(score.items, each, atol=1e-15)
    assert score.combine == "ratio"
    assert bool(score.notes) == (len(has) < len(each))


@given(SEQUENCES, st.randoms())
def test_order_and_duplicating_the_corpus_move_nothing_and_values_are_shares(
    sequences: list[list[int]], random: object
) -> None:
    for metric in (Diversity(), Diversity(average="macro"), Diversity(sizes=(1,))):
        (score,) = metric(corpus(sequences), TOOLS)
        for other in (shuffled(sequences, random), corpus(sequences * 2)):
            assert metric(other, TOOLS)[0].value == pytest.approx(score.value, nan_ok=True)
        assert math.isnan(score.value) or 0 < score.value <= 1


def test_the_last_n_gram_counts_and_nothing_is_rounded() -> None:
    (score,) = Diversity(unit="words")(corpus(texts=["a b a b"]), TOOLS)
    assert score.value == pytest.approx(2 / 3 * 1 * 1)
    (score,) = Diversity(sizes=(2,))(corpus([[*range(30_000), 0, 1]]), TOOLS)
    assert score.value == pytest.approx(30_000 / 30_001, abs=1e-12)


def test_texts_where_every_n_gram_repeats_empty_short_and_foreign_ones() -> None:
    (score,) = Diversity()(corpus([[7] * 100_000]), TOOLS)
    assert score.value == pytest.approx(1 / 99_999 / 99_998 / 99_997)
    for metric in (Diversity(), Diversity(average="macro")):
        assert all(math.isnan(metric(corpus([[1, 2, 3]] * many), TOOLS)[0].value) for many in (0, 1, 2))
        assert math.isnan(metric(corpus([[], [1]]), TOOLS)[0].value)
    bare = replace(corpus(texts=["\u6f22 \u5b57 " * 2, "\U0001f600"]), tokens=None)
    assert Diversity(sizes=(1, 2), unit="words")(bare, TOOLS)[0].value == pytest.approx(3 / 5 * 2 / 3)
    with pytest.raises(InputError, match=r"metrics\.diversity counts model tokens"):
        Diversity()(bare, TOOLS)


def test_knobs_are_signed_and_checked() -> None:
    texts = corpus([[1, 2, 3, 4]])
    base = Diversity()(texts, TOOLS)[0].signature
    assert parse(base) | {"v": ""} == {
        "name": "diversity",
        "sizes": "2,3,4",
        "unit": "model-tokens",
        "length": "4",
        "avg": "micro",
        "v": "",
    }
    assert differing(base, Diversity(average="macro")(texts, TOOLS)[0].signature).keys() == {"avg"}
    assert differing(base, Diversity(unit="words")(texts, TOOLS)[0].signature).keys() == {"unit"}
    assert differing(base, Diversity(sizes=(1, 2))(texts, TOOLS)[0].signature).keys() == {"sizes"}
    assert Diversity(sizes=(4, 3, 2, 2))(texts, TOOLS)[0].signature == base  # the same number
    refused: list[dict[str, Any]] = [{"sizes": ()}, {"sizes": (0,)}, {"average": "mean"}, {"unit": "bytes"}]
    for knobs in refused:
        with pytest.raises(InputError, match=next(iter(knobs))):
            Diversity(**knobs)


@pytest.mark.parametrize(
    ("name", "column"), [("gpt2-xl_contrastive_k6_a0.6", "generation"), ("reference", "reference")]
)
def test_without_the_last_word_and_rounded_it_is_the_published_number(name: str, column: str) -> None:
    lines = golden("contrastive/book_gpt2-xl_contrastive_k6_a0.6.jsonl").read_text(encoding="utf-8").splitlines()
    published = json.loads(golden("contrastive/book.third-party-metrics.json").read_text())[f"book_{name}"]["simctg"]
    texts = [" ".join(json.loads(line)[column].split()[:-1]) for line in lines]
    stats = Diversity(unit="words")(corpus([[]] * len(texts), texts=texts), TOOLS)[0].stats
    assert stats is not None
    repeated, total = stats.sum(axis=0).reshape(-1, 2).T
    percent = [round(float(each), 2) for each in 100 * repeated / total]
    assert percent == [published[f"seq_rep_{n}"] for n in (2, 3, 4)]
    assert math.prod(1 - each / 100 for each in percent) == pytest.approx(published["diversity"], abs=1e-12)
