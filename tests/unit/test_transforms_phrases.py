"""Transforms that are told in phrases: biases, bans, forced beginnings and ends."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import pytest
import torch
from torch import Tensor
from transformers import (
    ForcedBOSTokenLogitsProcessor,
    ForcedEOSTokenLogitsProcessor,
    NoBadWordsLogitsProcessor,
    SequenceBiasLogitsProcessor,
)

from harness import transforms
from harness.errors import InputError
from harness.loaders import load_model
from harness.models.base import LanguageModel
from harness.transforms import Transform, Worded, chain
from harness.transforms.phrases import readings, tokens_of
from tests.table_model import table_model
from tests.views import view_of

VOCAB, ROWS = 7, 40
MODEL = table_model(VOCAB, eos=[5])
PHRASES = [[2], [4], [1, 2], [3, 4], [6, 4], [0, 1, 2], [2, 2, 2], [0, 1, 2, 3, 4, 5, 6, 0]]


@cache
def pocket() -> LanguageModel:
    return load_model("pocket-s")


def logits(seed: int = 0, rows: int = ROWS) -> Tensor:
    return torch.randn(rows, VOCAB, generator=torch.Generator().manual_seed(seed)) * 4


def history(time: int, rows: int = ROWS) -> Tensor:
    return torch.randint(0, 5, (rows, time), generator=torch.Generator().manual_seed(time))


def told(transform: Transform | None, model: Any = MODEL) -> Transform:
    return chain(transform).tokenized(cast(LanguageModel, model))


@pytest.mark.parametrize("time", [1, 2, 3, 9])
def test_biases_are_those_of_transformers(time: int) -> None:
    biases = [(p, float(i - 3)) for i, p in enumerate(PHRASES)]
    x, seen = logits(time), history(time)
    after = told(transforms.logit_bias(tuple((tuple(p), b) for p, b in biases)))(x, view_of(x, seen))
    torch.testing.assert_close(after, SequenceBiasLogitsProcessor([[p, b] for p, b in biases])(seen, x.clone()))
    assert not torch.equal(after, x)


@pytest.mark.parametrize("time", [1, 2, 3, 9])
def test_bans_are_those_of_transformers(time: int) -> None:
    x, seen = logits(time), history(time)
    after = told(transforms.banned(tuple(map(tuple, PHRASES))))(x, view_of(x, seen))
    assert torch.equal(after, NoBadWordsLogitsProcessor(PHRASES)(seen, x.clone()))
    assert (after[:, [2, 4]] == -torch.inf).all()


def test_a_phrase_is_banned_where_the_text_ends_in_its_beginning_and_padding_is_no_text() -> None:
    x = torch.zeros(3, VOCAB)
    seen = torch.tensor([[-1, -1, 0, 1], [-1, 5, 1, 0], [0, 1, 0, 1]])
    after = told(transforms.banned(((0, 1, 2), (1, 0, 1, 3), 6)))(x, view_of(x, seen))
    assert (after == -torch.inf).nonzero().tolist() == [[0, 2], [0, 6], [1, 6], [2, 2], [2, 3], [2, 6]]
    first = told(transforms.banned(((1, 0, 1, 3),)))(x, view_of(x, torch.tensor([[1, 0, 1]] * 3)))
    assert (first == -torch.inf).nonzero().tolist() == [[0, 3], [1, 3], [2, 3]]


def test_the_same_token_may_be_biased_twice() -> None:
    x = torch.zeros(1, VOCAB)
    after = told(transforms.logit_bias(((2, 1.5), ((0, 2), 2.0), (2, 0.25))))(x, view_of(x))
    assert after.tolist() == [[0, 0, 3.75, 0, 0, 0, 0]]


def test_a_text_is_read_with_and_without_a_space() -> None:
    model = pocket()
    bare, spaced = tuple(model.continuation("the")), tuple(model.continuation(" the"))
    assert bare != spaced
    assert readings("the", model, "banned") == (bare, spaced)
    assert readings(" the", model, "banned") == (spaced,)
    assert tokens_of("the", model, "forced") == bare
    assert readings((7, 8), model, "banned") == ((7, 8),)
    assert readings(7, model, "banned") == ((7,),)


def test_a_banned_word_is_the_token_that_the_tokenizer_makes_of_it() -> None:
    model = pocket()
    x = torch.zeros(1, model.vocab)
    text = torch.tensor([model.encode("Once upon a time")])
    after = told(transforms.banned((" the", "zebra")), model)(x, view_of(x, text))
    assert [model.decode([t]) for t in (after[0] == -torch.inf).nonzero()[:, 0].tolist()] == [" the"]
    word = model.continuation(" zebra")
    assert len(word) > 1
    text = torch.cat([text, torch.tensor([word[:-1]])], 1)
    after = told(transforms.banned((" the", "zebra")), model)(x, view_of(x, text))
    assert set((after[0] == -torch.inf).nonzero()[:, 0].tolist()) == {model.continuation(" the")[0], word[-1]}


@pytest.mark.parametrize("token", [0, 5])
def test_the_first_forced_token_is_that_of_transformers(token: int) -> None:
    x, seen = logits(), history(1)
    assert torch.equal(
        told(transforms.forced(token))(x, view_of(x, seen)), ForcedBOSTokenLogitsProcessor(token)(seen, x.clone())
    )


def test_forced_tokens_come_one_after_another() -> None:
    x = logits()
    force = told(transforms.forced((3, 1, 4)))
    for step, token in enumerate((3, 1, 4)):
        after = force(x, view_of(x, history(2 + step), step=step))
        assert torch.equal(after.isfinite().nonzero()[:, 1], torch.full((ROWS,), token))
    assert torch.equal(force(x, view_of(x, history(5), step=3)), x)
    assert torch.equal(told(transforms.forced("db"))(x, view_of(x)), told(transforms.forced((3, 1)))(x, view_of(x)))


@pytest.mark.parametrize("eos", [[5], [2, 5]])
def test_the_forced_end_is_that_of_transformers(eos: list[int]) -> None:
    x = logits()
    for step in range(4):
        seen = history(3 + step)
        after = told(transforms.forced_eos(True))(x, view_of(x, seen, step=step, eos=eos, limit=4))
        assert torch.equal(after, ForcedEOSTokenLogitsProcessor(7, eos)(seen, x.clone()))
        assert torch.equal(after, x) == (step < 3)


def test_the_forced_end_is_that_of_each_request() -> None:
    x = logits(rows=6)
    view = view_of(x, requests=3, step=3, eos=[5])
    view.limit[1] = 4
    after = told(transforms.forced_eos(True))(x, view)
    assert (after == -torch.inf).any(1).tolist() == [False, False, True, True, False, False]


def test_what_is_impossible_stays_so() -> None:
    x = torch.full((1, VOCAB), -torch.inf)
    x[0, 3] = 0.0
    for edit in (transforms.logit_bias(((2, 5.0), (3, 1.0))), transforms.banned((2,))):
        after = told(edit)(x, view_of(x))
        assert after.isfinite().nonzero().tolist() == [[0, 3]]


def test_knobs_at_rest_are_absent() -> None:
    assert transforms.logit_bias() is transforms.logit_bias(()) is None
    assert transforms.banned() is transforms.banned(()) is None
    assert transforms.forced() is None
    assert transforms.forced_eos() is None


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda: transforms.banned((1, 7)), "banned=(7,): table has tokens 0 to 6"),
        (lambda: transforms.logit_bias((((1, 99), 1.0),)), "logit_bias=(1, 99): table has tokens 0 to 6"),
        (lambda: transforms.forced((1, 7)), "forced=(1, 7): table has tokens 0 to 6"),
    ],
)
def test_what_a_model_has_no_tokens_for_is_refused(edit: Callable[[], Transform], said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        told(edit())


def test_an_end_is_not_forced_where_a_model_has_none() -> None:
    with pytest.raises(InputError, match="forced_eos=True: table has no token that ends a text"):
        told(transforms.forced_eos(True), table_model(VOCAB))


@pytest.mark.parametrize("edit", [transforms.banned((1,)), transforms.logit_bias(((1, 1.0),)), transforms.forced("a")])
def test_texts_are_tokens_before_the_first_step(edit: Transform) -> None:
    assert isinstance(edit, Worded)
    with pytest.raises(TypeError, match="before it is tokenized"):
        edit(logits(), view_of(logits()))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: transforms.banned((-1,)), "a text, a token id, or a list of token ids"),
        (lambda: transforms.banned(("",)), "a text, a token id, or a list of token ids"),
        (lambda: transforms.banned((True,)), "a text, a token id, or a list of token ids"),
        (lambda: transforms.banned(((),)), "a text, a token id, or a list of token ids"),
        (lambda: transforms.banned((1.5,)), "a text, a token id, or a list of token ids"),  # type: ignore[arg-type]
        (lambda: transforms.banned("word"), "should be a list"),  # type: ignore[arg-type]
        (lambda: transforms.forced(((1,), (2,))), "a text, a token id, or a list of token ids"),  # type: ignore[arg-type]
        (lambda: transforms.logit_bias(((1, math.inf),)), "finite"),
        (lambda: transforms.logit_bias(((1,),)), "biases="),  # type: ignore[arg-type]
        (lambda: transforms.forced_eos("yes"), "on='yes'"),  # type: ignore[arg-type]
    ],
)
def test_knobs_out_of_range_are_refused(call: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        call()
