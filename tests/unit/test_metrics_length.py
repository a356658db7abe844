from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.metrics.base import Tools
from harness.metrics.length import Length
from harness.signature import comparable
from tests.corpora import SEQUENCES, corpus

TOOLS = Tools(references=None)


def test_mean_tokens_and_the_share_that_ended_by_themselves() -> None:
    texts = corpus([[1, 2, 3], [], [1], [1] * 8], ends=["length", "eos", "eos", "context"])
    length, share = Length()(texts, TOOLS)
    assert (length.name, length.value) == ("length", 3.0)
    assert (share.name, share.value) == ("eos-share", 0.5)
    assert length.items is not None
    assert length.items.tolist() == [3, 0, 1, 8]
    assert share.items is not None
    assert share.items.tolist() == [0, 1, 1, 0]
    assert length.notes == ()  # an empty text has a length


@pytest.mark.parametrize("end", ["reference", "unknown"])
def test_texts_whose_end_nobody_knows_have_no_eos_share(end: str) -> None:
    texts = corpus([[1, 2], [1]], ends=[end] * 2)
    assert [score.name for score in Length()(texts, Tools(texts))] == ["length"]
    cut = texts.cut(1, lambda tokens: "x")
    assert [score.name for score in Length()(cut, Tools(texts))] == ["length"]
    assert len(Length()(corpus([[1, 2]]), Tools(texts))) == 2


def test_words_are_what_white_space_divides() -> None:
    texts = replace(corpus(texts=["a  b\nc", "", " \t", "日本 naïve\u00a0x"]), tokens=None)
    length = Length(unit="words")(texts, TOOLS)[0]
    assert length.items is not None
    assert length.items.tolist() == [3, 0, 0, 3]
    with pytest.raises(InputError, match=r"metrics\.length counts model tokens"):
        Length()(texts, TOOLS)
    assert not comparable(length.signature, Length()(corpus([[1]]), TOOLS)[0].signature)
    with pytest.raises(InputError, match="unit"):
        Length(unit="bytes")  # type: ignore[arg-type]


def test_a_very_long_text() -> None:
    assert Length()(corpus([[7] * 100_000]), TOOLS)[0].value == 100_000
    assert Length(unit="words")(corpus(texts=["a " * 100_000]), TOOLS)[0].value == 100_000


@given(SEQUENCES, st.randoms(use_true_random=False))
def test_twice_the_corpus_in_any_order_is_as_long(sequences: list[list[int]], random: object) -> None:
    mixed = [*sequences, *sequences]
    random.shuffle(mixed)  # type: ignore[attr-defined]
    for a, b in zip(Length()(corpus(sequences), TOOLS), Length()(corpus(mixed), TOOLS), strict=True):
        assert a.value == pytest.approx(b.value)
