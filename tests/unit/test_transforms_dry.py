"""DRY, against a loop written from its description."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from harness import transforms
from harness.errors import InputError
from harness.models.base import LanguageModel
from harness.transforms import Transform, chain
from harness.transforms.dry import LARGEST, repeated
from tests.table_model import table_model
from tests.views import view_of

VOCAB = 6
MODEL = table_model(VOCAB)  # its tokens are the letters a to f


def told(transform: Transform | None, model: Any = MODEL) -> Transform:
    return chain(transform).tokenized(cast(LanguageModel, model))


def by_hand(text: list[int], multiplier: float, base: float, allowed: int, window: int, breakers: set[int]) -> Tensor:
    """What each token loses, from the description of p-e-w's pull request and of llama.cpp."""
    text = [t for t in text if t >= 0][-window:]
    loses = torch.zeros(VOCAB, dtype=torch.float64)
    for token in set(range(VOCAB)) - breakers:
        longest = 0
        for place in range(1, len(text)):
            if text[place] != token:
                continue
            n = 0  # how many of the last tokens stand before this place
            while n < place and text[place - 1 - n] == text[-1 - n] and text[-1 - n] not in breakers:
                n += 1
            longest = max(longest, n)
        if longest >= allowed:
            loses[token] = multiplier * base ** (longest - allowed)
    return loses


@given(
    st.lists(st.lists(st.integers(0, 2), min_size=12, max_size=12), min_size=1, max_size=5),
    st.sampled_from([0.8, 2.0]),
    st.sampled_from([1.0, 1.75, 3.0]),
    st.integers(1, 4),
    st.sampled_from([0, 1, 2, 3, 7, 12, 40]),
    st.sampled_from(["", "a", "bc", "x"]),
    st.integers(0, 3),
)
def test_is_the_loop_of_the_description(
    texts: list[list[int]], multiplier: float, base: float, allowed: int, window: int, breakers: str, pad: int
) -> None:
    seen = torch.tensor([[-1] * pad + t for t in texts])
    x = torch.zeros(len(texts), VOCAB, dtype=torch.float64)
    after = told(transforms.dry(multiplier, base, allowed, window, breakers))(x, view_of(x, seen))
    breaking = {ord(c) - 97 for c in breakers if c in "abcdef"}
    expected = torch.stack([-by_hand(t, multiplier, base, allowed, window, breaking) for t in texts])
    torch.testing.assert_close(after, expected)


def test_the_counts_of_the_example_in_llama_cpp() -> None:
    """There for the text "a b c c b c y a b c"; the last token, which nothing follows, is left out here."""
    text = torch.tensor([[0, 1, 2, 2, 1, 2, 5, 0, 1, 2]])
    assert repeated(text, text >= 0).tolist() == [[0, 0, 3, 1, 0, 2, 0, 0, 0]]


def test_a_token_with_a_breaker_anywhere_in_its_text_breaks() -> None:
    class Words:
        """A model of four tokens."""

        vocab = 4

        def decode(self, tokens: list[int]) -> str:
            return ["so", ' said: "', "\n\n", "me"][tokens[0]]

    text = torch.tensor([[0, 3, 1, 0, 3, 1, 0, 3]])
    x = torch.zeros(1, 4)
    usual, none = transforms.dry(1.0, 2.0, 1), transforms.dry(1.0, 2.0, 1, breakers="")
    assert told(usual, Words())(x, view_of(x, text)).tolist() == [[0, 0, 0, 0]]
    assert told(none, Words())(x, view_of(x, text)).tolist() == [[0, -16, 0, 0]]
    assert told(usual, Words())(x, view_of(x, text[:, :-1])).tolist() == [[0, 0, 0, -1]]


def test_a_long_loop_neither_overflows_nor_ends_the_run() -> None:
    text = torch.zeros(1, 400, dtype=torch.int64)
    x = torch.full((1, VOCAB), -torch.inf)
    x[0, 0] = 3.0
    after = told(transforms.dry(0.8, 10.0))(x, view_of(x, text))
    assert float(after[0, 0]) == pytest.approx(-LARGEST)
    assert (after[0, 1:] == -torch.inf).all()


@pytest.mark.parametrize("time", [1, 2, 3])
def test_short_texts_are_left_alone(time: int) -> None:
    x = torch.randn(2, VOCAB, generator=torch.Generator().manual_seed(0))
    text = torch.full((2, 5), -1)
    text[:, 5 - time :] = torch.arange(time)
    assert torch.equal(told(transforms.dry(1.0))(x, view_of(x, text)), x)


def test_off_and_out_of_range() -> None:
    assert transforms.dry() is transforms.dry(0.0, 3.0, 5) is None
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: transforms.dry(-0.1), "multiplier=-0.1"),
        (lambda: transforms.dry(math.inf), "multiplier=inf"),
        (lambda: transforms.dry(0.8, 0.9), "base=0.9"),
        (lambda: transforms.dry(0.8, allowed_length=0), "allowed_length=0"),
        (lambda: transforms.dry(0.8, window=-1), "window=-1"),
        (lambda: transforms.dry(0.8, breakers=5), "breakers=5"),  # type: ignore[arg-type]
    ]
    for call, said in calls:
        with pytest.raises(InputError, match=said):
            call()
    with pytest.raises(TypeError, match="before it is tokenized"):
        chain(transforms.dry(1.0))(x := torch.zeros(1, VOCAB), view_of(x))
