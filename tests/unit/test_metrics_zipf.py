from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tokenizers import Tokenizer

from harness.errors import InputError
from harness.jackknife import groups
from harness.metrics.base import Tools
from harness.metrics.zipf import Zipf
from harness.signature import differing, parse
from tests.corpora import SEQUENCES, corpus, golden, shuffled

TOOLS = Tools(references=None)


def by_scipy(sequences: list[list[int]], top: int = 5000) -> float:
    frequencies = [count for _, count in Counter(item for text in sequences for item in text).most_common(top)]
    if len(frequencies) < 2:
        return float("nan")
    return -float(stats.linregress(np.log(np.arange(1, len(frequencies) + 1)), np.log(frequencies)).slope)


@given(SEQUENCES, st.integers(2, 4))
def test_it_is_minus_the_slope_that_scipy_fits(sequences: list[list[int]], top: int) -> None:
    (score,) = Zipf(top=top)(corpus(sequences), TOOLS)
    assert score.value == pytest.approx(by_scipy(sequences, top), abs=1e-12, nan_ok=True)
    assert np.isnan(score.value) or score.value >= -1e-12


def test_an_exact_power_law_has_its_exponent() -> None:
    text = [rank for rank in range(1, 7) for _ in range(3600 // rank**2)]
    assert Zipf()(corpus([text]), TOOLS)[0].value == pytest.approx(2.0)


@given(SEQUENCES, st.data())
def test_without_a_group_it_is_the_value_of_what_is_left(sequences: list[list[int]], data: st.DataObject) -> None:
    prompts = data.draw(st.lists(st.sampled_from("abcd"), min_size=len(sequences), max_size=len(sequences)))
    group = groups(prompts)
    left_out = Zipf()(replace(corpus(sequences), prompt_ids=prompts), TOOLS)[0].left_out
    expected = [
        by_scipy([text for text, its in zip(sequences, group, strict=True) if its != g]) for g in range(max(group) + 1)
    ]
    np.testing.assert_allclose(left_out, expected, rtol=0, atol=1e-12)  # type: ignore[arg-type]


@given(SEQUENCES, st.randoms())
def test_neither_order_nor_a_copy_of_the_corpus_moves_it(sequences: list[list[int]], random: object) -> None:
    (once,), (other,) = Zipf()(corpus(sequences), TOOLS), Zipf()(shuffled(sequences, random), TOOLS)
    (twice,) = Zipf()(corpus(sequences * 2), TOOLS)
    assert other.value == pytest.approx(once.value, abs=1e-12, nan_ok=True)
    assert twice.value == pytest.approx(once.value, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("sequences", [[], [[]], [[7] * 100_000]])
def test_fewer_than_two_ranks_have_no_value(sequences: list[list[int]]) -> None:
    assert np.isnan(Zipf()(corpus(sequences), TOOLS)[0].value)


def test_frequencies_that_are_all_equal_have_no_slope() -> None:
    assert Zipf()(corpus([[1, 2, 3], [3, 2, 1]]), TOOLS)[0].value == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "column"), [("gpt2-xl_contrastive_k6_a0.6", "generation"), ("reference", "reference")]
)
def test_published_texts_have_what_the_code_of_holtzman_et_al_gives(name: str, column: str) -> None:
    lines = golden("contrastive/book_gpt2-xl_contrastive_k6_a0.6.jsonl").read_text(encoding="utf-8").splitlines()
    values = json.loads(golden("contrastive/book.third-party-metrics.json").read_text())[f"book_{name}"]
    texts = [json.loads(line)[column] for line in lines]
    tokenizer = Tokenizer.from_file(str(golden("gpt2-tokenizer/tokenizer.json")))
    ids = [each.ids for each in tokenizer.encode_batch(texts, add_special_tokens=False)]
    published = corpus(ids, texts=texts)
    for unit, kind in (("words", "words"), ("tokens", "gpt2_ids")):
        (score,) = Zipf(unit=unit)(published, TOOLS)  # type: ignore[arg-type]
        assert score.value == pytest.approx(values[kind]["zipf_degen [-slope,-r]"][0], abs=1e-9)


def test_the_signature_and_the_notes_hold_what_moves_the_number() -> None:
    (base,) = Zipf(top=3)(corpus([[1, 2, 3]] * 4), TOOLS)
    (other,) = Zipf(top=4)(corpus([[1, 2, 3, 4]] * 4), TOOLS)
    assert differing(base.signature, other.signature) == {"top": ("3", "4"), "length": ("3", "4")}
    assert parse(base.signature)["texts"] == "4"
    assert base.notes == ()
    assert Zipf()(corpus([[1, 2, 3]]), TOOLS)[0].notes == (
        "only 3 different tokens: all of them are ranked, not the 5000 most frequent",
    )


def test_texts_without_tokens_are_counted_in_words_only() -> None:
    bare = replace(corpus([[]] * 2, texts=["日本 né né", "né 🙂 日本"]), tokens=None)
    with pytest.raises(InputError, match=r"metrics\.zipf counts model tokens"):
        Zipf()(bare, TOOLS)
    assert Zipf(unit="words")(bare, TOOLS)[0].value == pytest.approx(by_scipy([[1, 2, 2], [2, 3, 1]]))
