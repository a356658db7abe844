"""Transforms that read the text so far: penalties, n-grams, the least length."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import (
    MinNewTokensLengthLogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
)

from harness import transforms
from harness.errors import InputError
from harness.transforms import Transform, chain
from tests.views import view_of

VOCAB, ROWS = 7, 9


def logits(seed: int, rows: int = ROWS) -> Tensor:
    return torch.randn(rows, VOCAB, generator=torch.Generator().manual_seed(seed)) * 4


def history(seed: int, rows: int = ROWS, time: int = 14) -> Tensor:
    return torch.randint(0, VOCAB, (rows, time), generator=torch.Generator().manual_seed(seed))


def ours(transform: Transform | None, x: Tensor, seen: Tensor, step: int = 0) -> Tensor:
    before, history_before = x.clone(), seen.clone()
    after = chain(transform)(x, view_of(x, seen, step=step))
    assert torch.equal(x, before), "the input was modified"
    assert torch.equal(seen, history_before), "the history was modified"
    return after


def by_hand(x: Tensor, text: Tensor, presence: float, frequency: float) -> Tensor:
    """OpenAI's formula, token by token: l_j - c_j * frequency - float(c_j > 0) * presence."""
    out = x.clone()
    for row, tokens in enumerate(text.tolist()):
        for j in range(x.shape[1]):
            out[row, j] -= tokens.count(j) * frequency + float(tokens.count(j) > 0) * presence
    return out


@pytest.mark.parametrize(("presence", "frequency"), [(0.6, 0.0), (0.0, 0.4), (1.5, -0.7), (-2.0, 2.0)])
@pytest.mark.parametrize("step", [0, 1, 3, 8])
@pytest.mark.parametrize("window", [0, 1, 2, 5, 100])
def test_presence_and_frequency_count_the_continuation_alone(
    presence: float, frequency: float, step: int, window: int
) -> None:
    x, seen = logits(step), history(window)
    both = chain(transforms.frequency_penalty(frequency, window), transforms.presence_penalty(presence, window))
    text = seen[:, 14 - step :][:, -window:] if window and step else seen[:, 14 - step :]
    torch.testing.assert_close(ours(both, x, seen, step), by_hand(x, text, presence, frequency))


@pytest.mark.parametrize("penalty", [0.7, 1.3, 2.0])
@pytest.mark.parametrize("window", [1, 4, 13, 50])
def test_a_window_of_the_repetition_penalty_is_that_of_a_shorter_history(penalty: float, window: int) -> None:
    x, seen = logits(3), history(window)
    theirs = RepetitionPenaltyLogitsProcessor(penalty)(seen[:, -window:], x.clone())
    torch.testing.assert_close(ours(transforms.repetition_penalty(penalty, window), x, seen), theirs)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 14, 15, 16])
def test_no_repeat_ngram_is_the_processor_of_transformers(size: int) -> None:
    forbidden = 0
    for seed in range(8):
        x, seen = logits(seed), history(seed) % 3  # few tokens, so that n-grams repeat
        after = ours(transforms.no_repeat_ngram(size), x, seen)
        assert torch.equal(after, NoRepeatNGramLogitsProcessor(size)(seen, x.clone()))
        forbidden += int((after == -torch.inf).sum())
    assert (forbidden > 0) == (size < 14)


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 6))
def test_padding_has_no_ngrams(seed: int, size: int, pad: int) -> None:
    x, seen = logits(seed, 4), history(seed, 4, 1 + seed % 9) % 2
    padded = torch.cat([torch.full((4, pad), -1), seen], 1)
    banned = ours(transforms.no_repeat_ngram(size), x, seen)
    assert torch.equal(ours(transforms.no_repeat_ngram(size), x, padded), banned)


def test_padding_is_no_token_of_a_window() -> None:
    x = logits(2, 1)
    for penalty in (transforms.repetition_penalty(1.7, 4), transforms.presence_penalty(1.0, 4)):
        short, padded = torch.tensor([[5, 6]]), torch.tensor([[-1, -1, -1, 5, 6]])
        assert torch.equal(ours(penalty, x, short, 1), ours(penalty, x, padded, 1))


@pytest.mark.parametrize("least", [1, 2, 5])
@pytest.mark.parametrize("eos", [(3,), (0, 6)])
def test_min_new_tokens_is_the_processor_of_transformers(least: int, eos: tuple[int, ...]) -> None:
    x = logits(least)
    for step in range(7):
        seen = history(1, time=4 + step)
        theirs = MinNewTokensLengthLogitsProcessor(4, least, list(eos))(seen, x.clone())
        ours = chain(transforms.min_new_tokens(least))(x, view_of(x, seen, step=step, eos=eos))
        assert torch.equal(ours, theirs)
        assert bool((ours == -torch.inf).any()) == (step < least)


def test_without_an_eos_there_is_no_least_length() -> None:
    x = logits(0)
    assert torch.equal(ours(transforms.min_new_tokens(5), x, history(0)), x)


@pytest.mark.parametrize(
    "edit",
    [
        lambda: transforms.presence_penalty(0.5),
        lambda: transforms.frequency_penalty(0.5),
        lambda: transforms.repetition_penalty(1.5),
        lambda: transforms.no_repeat_ngram(2),
        lambda: transforms.min_new_tokens(3),
    ],
)
def test_what_is_impossible_stays_so(edit: Callable[[], Transform]) -> None:
    x = torch.full((2, VOCAB), -torch.inf)
    x[:, 3] = 1.0
    after = ours(edit(), x, torch.tensor([[3, 3, 1], [2, 3, 2]]), 2)
    assert not after.isnan().any()
    assert (after[:, [0, 1, 2, 4, 5, 6]] == -torch.inf).all()


def test_knobs_at_rest_are_absent() -> None:
    assert transforms.presence_penalty(0) is None
    assert transforms.frequency_penalty(0.0, 64) is None
    assert transforms.repetition_penalty(1.0, 64) is None
    assert transforms.no_repeat_ngram(0) is None
    assert transforms.min_new_tokens(0) is None


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: transforms.presence_penalty(math.inf), "penalty=inf"),
        (lambda: transforms.frequency_penalty(math.nan), "penalty=nan"),
        (lambda: transforms.frequency_penalty("much"), "penalty='much'"),  # type: ignore[arg-type]
        (lambda: transforms.presence_penalty(1.0, -1), "window=-1"),
        (lambda: transforms.repetition_penalty(1.2, 2.5), "window=2.5"),  # type: ignore[arg-type]
        (lambda: transforms.no_repeat_ngram(-1), "size=-1"),
        (lambda: transforms.min_new_tokens(1.5), "count=1.5"),  # type: ignore[arg-type]
    ],
)
def test_knobs_out_of_range_are_refused(call: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        call()
