from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engine import Request, decode
from harness.errors import InputError
from harness.loaders import load_model
from harness.prompts import Prompt, identified
from harness.strategies.beam import beam
from harness.strategies.constrained_beam import constrained_beam
from harness.strategies.phrase_progress import Wanted
from tests.table_model import TableModel, table_model

Text = tuple[int, ...]


def everything(model: TableModel, length: int) -> set[Text]:
    """All continuations: they end at their first eos or at the length limit."""
    texts = set()
    for tokens in product(range(model.vocab), repeat=length):
        end = next((i + 1 for i, t in enumerate(tokens) if t in model.eos), length)
        texts.add(tokens[:end])
    return texts


def has(text: Text, phrase: Text) -> bool:
    return any(text[i : i + len(phrase)] == phrase for i in range(len(text)))


@settings(max_examples=30)
@given(
    st.integers(0, 10**6),
    st.sampled_from([((1,),), ((1, 0),), ((2, 1), (0,)), ((0,), (1,), (2,)), ((2, 1, 0),)]),
    st.sampled_from([0.0, 1.0, 2.0]),
    st.sampled_from([(), (3,)]),
)
def test_a_wide_beam_finds_the_best_text_with_all_phrases(
    seed: int, phrases: tuple[Text, ...], penalty: float, eos: Text
) -> None:
    model, length = table_model(3 + len(eos), eos=list(eos), seed=seed), 4
    strategy = constrained_beam(phrases=phrases, num_beams=130, length_penalty=penalty)
    (found,) = decode(model, [Request(Prompt("p", "", None), (0,), strategy, length)])
    ranks = {
        t: model.logprob(0, t) / len(t) ** penalty
        for t in everything(model, length)
        if all(has(t, phrase) for phrase in phrases)
    }
    assert found.score == pytest.approx(max(ranks.values()), abs=1e-4)
    assert ranks[found.tokens] == pytest.approx(found.score, abs=1e-4)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(3, 8))
def test_a_narrow_beam_says_its_phrases_too(seed: int, beams: int) -> None:
    model, phrases = table_model(9, eos=[8], seed=seed), ((1, 2), (7,))
    strategy = constrained_beam(phrases=phrases, num_beams=beams)
    (found,) = decode(model, [Request(Prompt("p", "", None), (0,), strategy, 8)])
    assert all(has(found.tokens, phrase) for phrase in phrases)


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_without_phrases_it_is_beam_search(penalty: float) -> None:
    for seed in range(8):
        model = table_model(7, eos=[6], seed=seed)
        asked = [
            Request(Prompt(f"p{i}", "", None), (i,), s, 8)
            for s in (constrained_beam(num_beams=4, length_penalty=penalty), beam(num_beams=4, length_penalty=penalty))
            for i in range(6)
        ]
        found = {g.request: g for g in decode(model, asked)}
        for ours, theirs in zip(asked[:6], asked[6:], strict=True):
            assert found[ours].score == pytest.approx(found[theirs].score, abs=1e-5)


def test_words_appear_in_real_text() -> None:
    model = load_model("pocket-s")
    strategy = constrained_beam(phrases=("golden", " three wishes"), num_beams=8)
    prompts = identified([("Once upon a time there was", None)])
    for g in decode(model, [Request(p, tuple(model.encode(p.text)), strategy, 16) for p in prompts]):
        text = model.decode(g.tokens)
        assert " golden" in text
        assert " three wishes" in text


def test_what_cannot_be_said_in_time_ends_with_most_of_it() -> None:
    model = table_model(6, eos=[5])
    strategy = constrained_beam(phrases=((1, 2, 3, 4),), num_beams=4)
    (found,) = decode(model, [Request(Prompt("p", "", None), (0,), strategy, 2)])
    assert found.tokens == (1, 2)


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ([1], [1, 0]), ([1, 2], [2, 0]), ([1, 3], [0, 1]), ([1, 1], [1, 0]), ([1, 2, 1], [2, 0]), ([3, 1, 2], [2, 1]),
        ([1, 3, 2], [0, 1]),
    ],
)  # fmt: skip
def test_progress_by_hand(said: list[int], place: list[int]) -> None:
    wanted = Wanted.of([(1, 2), (3,)], torch.device("cpu"))
    at = torch.zeros(1, 2, dtype=torch.int64)
    for token in said:
        at = wanted.after(at, torch.tensor([token]))
    assert at[0].tolist() == place
    assert bool(wanted.complete(at)[0]) == (place == [2, 1])


@pytest.mark.parametrize(
    ("knobs", "said"),
    [({"phrases": [""]}, "phrases"), ({"phrases": [1.5]}, "phrases"), ({"num_beams": 0}, "num_beams")],
)
def test_what_cannot_be(knobs: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        constrained_beam(**knobs)


def test_a_token_that_the_model_lacks_is_said() -> None:
    strategy = constrained_beam(phrases=(99,))
    with pytest.raises(InputError, match=r"strategy\.phrases=\(99,\)"):
        list(decode(table_model(6), [Request(Prompt("p", "", None), (0,), strategy, 2)]))


def test_an_end_of_text_cannot_be_asked_for() -> None:
    strategy = constrained_beam(phrases=((1, 5),))
    with pytest.raises(InputError, match="token 5, which ends a text"):
        list(decode(table_model(6, eos=[5]), [Request(Prompt("p", "", None), (0,), strategy, 4)]))
