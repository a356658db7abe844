"""Where tokens end: by tokenizers' own offsets, by decoding every prefix, and for decoders of other kinds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import harness
from harness.models.text import Text
from harness.offsets import ends
from tests.tiny_gpt2 import tiny_gpt2
from tests.tiny_models import byte_level_tokenizer

TEXTS = [
    " the old fox",
    " naïve 😀👩‍🚀 said the crow",
    "昔々、狐がいました。the fox",
    "שלום\u202eabc\n\n\tthe\x1b[1m",
    " e\u0301 a\x00b",
    "",
]


def written(decode: Callable[[Sequence[int]], str], tokens: Sequence[int]) -> list[str]:
    """What each token writes."""
    text = decode(tokens)
    found = [0, *ends(decode, tokens, text).tolist()]
    assert len(found) == len(tokens) + 1
    assert all(a <= b for a, b in pairwise(found))
    pieces = [text[a:b] for a, b in pairwise(found)]
    assert "".join(pieces) == text
    return pieces


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_end_where_the_tokenizer_says(text: str) -> None:
    tokenizer = byte_level_tokenizer()
    coded: Any = tokenizer(text, return_offsets_mapping=True)
    tokens, spans = coded["input_ids"], coded["offset_mapping"]
    found = ends(Text(tokenizer, "x").decode, tokens, text)
    whole = [i for i in range(len(spans)) if i + 1 == len(spans) or spans[i + 1][0] >= spans[i][1]]
    assert [int(found[i]) for i in whole] == [spans[i][1] for i in whole]
    inside = [i for i in range(len(spans)) if i not in whole]  # of a character that goes on: nothing is written yet
    assert [int(found[i]) for i in inside] == [spans[i][0] for i in inside]


@settings(max_examples=60, deadline=None)
@given(tokens=st.lists(st.integers(0, 299), max_size=40))
def test_any_tokens_end_where_the_decoded_prefixes_agree_with_the_text(tokens: list[int]) -> None:
    """Bytes in any order too, most of which are no character."""
    decode = Text(byte_level_tokenizer(), "x").decode
    text = decode(tokens)
    made = [decode(tokens[: i + 1]) for i in range(len(tokens))]
    prefixes = [max(n for n in range(len(each) + 1) if text.startswith(each[:n])) for each in made]
    assert ends(decode, tokens, text).tolist() == np.maximum.accumulate(np.array(prefixes, dtype=int)).tolist()


def test_special_tokens_write_nothing() -> None:
    tokenizer = byte_level_tokenizer()
    text = Text(tokenizer, "x")
    cut = text.continuation(" fox日")
    tokens = [*cut[:-2], tokenizer.eos_token_id, *cut[-2:], tokenizer.eos_token_id]  # one in the middle of a character
    assert written(text.decode, tokens)[-5:] == ["", "", "", "日", ""]
    assert written(text.decode, [tokenizer.eos_token_id]) == [""]


def test_a_character_that_never_ends_is_the_last_ones() -> None:
    text = Text(byte_level_tokenizer(), "x")
    tokens = text.continuation(" fox😀")[:-1]
    assert written(text.decode, tokens)[-1] in ("", "\ufffd")
    assert text.decode(tokens).endswith("\ufffd")


def test_decoders_that_put_spaces_between_tokens() -> None:
    model = tiny_gpt2(vocab=200, eos=[7])
    assert written(model.decode, [12, 5, 103, 7]) == ["12", " 5", " 103", ""]


def test_the_embedded_model() -> None:
    model = harness.load_model("pocket-m")
    for text in TEXTS:
        tokens = model.continuation(text)
        assert written(model.decode, [*tokens, *model.eos])[-len(model.eos) :] == [""]
    assert written(model.decode, model.continuation(" the old fox said")) == model.pieces(
        model.continuation(" the old fox said")
    )


def test_it_is_cheap() -> None:
    """Decoding takes the embedded models a quarter of a millisecond per token and more."""
    model = harness.load_model("pocket-m")
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, model.vocab, size=64).tolist() for _ in range(100)]
    texts = list(map(model.decode, drawn))
    start = time.perf_counter()
    for tokens, text in zip(drawn, texts, strict=True):
        ends(model.decode, tokens, text)
    assert time.perf_counter() - start < 100 * 64 * 100e-6
