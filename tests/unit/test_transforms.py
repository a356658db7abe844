from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import (
    LogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from harness import transforms
from harness.errors import InputError
from harness.transforms import Transform, chain
from tests.views import view_of as view

VOCAB = 97


def logits(seed: int = 0, rows: int = 16) -> Tensor:
    return torch.randn(rows, VOCAB, generator=torch.Generator().manual_seed(seed)) * 4


def history(seed: int = 0, rows: int = 16) -> Tensor:
    return torch.randint(0, VOCAB, (rows, 12), generator=torch.Generator().manual_seed(seed))


def ours(transform: Transform | None, x: Tensor, seen: Tensor) -> Tensor:
    before = x.clone()
    after = chain(transform)(x, view(x, seen))
    assert torch.equal(x, before), "the input was modified"
    return after


@pytest.mark.parametrize(
    ("transform", "theirs"),
    [
        *((transforms.temperature(t), TemperatureLogitsWarper(t)) for t in (0.01, 0.3, 0.7, 1.5, 10.0)),
        *((transforms.top_k(k), TopKLogitsWarper(k)) for k in (1, 2, 5, 50, 96, 1000)),
        *((transforms.top_p(p), TopPLogitsWarper(p)) for p in (0.01, 0.3, 0.9, 0.95, 0.999)),
        *((transforms.repetition_penalty(r), RepetitionPenaltyLogitsProcessor(r)) for r in (0.8, 1.2, 2.0)),
    ],
)
def test_a_transform_is_the_processor_of_transformers(transform: Transform, theirs: LogitsProcessor) -> None:
    for seed in range(5):
        x, seen = logits(seed), history(seed)
        torch.testing.assert_close(ours(transform, x, seen), theirs(seen, x.clone()), rtol=1e-6, atol=1e-6)


def test_the_whole_chain_is_that_of_transformers() -> None:
    x, seen = logits(1), history(1)
    mine = chain(
        transforms.repetition_penalty(1.3), transforms.temperature(0.8), transforms.top_k(20), transforms.top_p(0.9)
    )(x, view(x, seen))
    theirs = x
    for processor in (
        RepetitionPenaltyLogitsProcessor(1.3),
        TemperatureLogitsWarper(0.8),
        TopKLogitsWarper(20),
        TopPLogitsWarper(0.9),
    ):
        theirs = processor(seen, theirs)
    torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-6)


def test_padding_is_not_penalised() -> None:
    x = logits(2, rows=1)
    seen = torch.tensor([[5, 6]])
    padded = torch.tensor([[-1, -1, -1, 5, 6]])
    penalty = transforms.repetition_penalty(1.7)
    assert torch.equal(ours(penalty, x, seen), ours(penalty, x, padded))


def test_knobs_at_rest_are_absent() -> None:
    assert transforms.temperature(1) is None
    assert transforms.top_k(0) is None
    assert transforms.top_p(1) is None
    assert transforms.repetition_penalty(1) is None


def test_both_limits_of_temperature_are_exact() -> None:
    x = torch.tensor([[1.0, 3.0, 3.0, -torch.inf, 2.0]])
    zero = ours(transforms.temperature(0), x, history(rows=1)).softmax(-1)
    assert zero.tolist() == [[0.0, 0.5, 0.5, 0.0, 0.0]]
    infinite = ours(transforms.temperature(math.inf), x, history(rows=1)).softmax(-1)
    assert infinite.tolist() == [[0.25, 0.25, 0.25, 0.0, 0.25]]


@given(
    st.sampled_from([5e-324, 1e-300, 1e-45, 1e-38, 1e-10, 0.1, 0.999]),
    st.sampled_from([1e-30, 1.0, 1e30, 3e38]),
    st.integers(0, 100),
)
def test_small_temperatures_neither_overflow_nor_flip(value: float, magnitude: float, seed: int) -> None:
    x = (torch.rand(1, 9, generator=torch.Generator().manual_seed(seed)) * 2 - 1) * magnitude
    x[0, 4] = -torch.inf
    probabilities = ours(transforms.temperature(value), x, history(rows=1)).softmax(-1)
    assert torch.isfinite(probabilities).all()
    assert probabilities[0, 4] == 0
    assert probabilities.argmax() == x.argmax() or probabilities.max() == probabilities[0, x.argmax()]


@given(st.integers(0, 1000), st.floats(0.01, 0.99), st.floats(0.0, 1.0))
def test_nuclei_and_top_k_sets_are_nested_and_hold_the_best(seed: int, p: float, factor: float) -> None:
    x = logits(seed, rows=3)
    smaller = ours(transforms.top_p(max(p * factor, 1e-6)), x, history(rows=3)) > -torch.inf
    larger = ours(transforms.top_p(p), x, history(rows=3)) > -torch.inf
    assert (larger | ~smaller).all()
    assert smaller.gather(1, x.argmax(-1, keepdim=True)).all()
    k = 1 + seed % 30
    assert (ours(transforms.top_k(k), x, history(rows=3)) > -torch.inf).sum(-1).tolist() == [k] * 3


def test_a_nucleus_is_the_smallest_set_that_reaches_p() -> None:
    probabilities = torch.tensor([[0.1, 0.4, 0.2, 0.3]], dtype=torch.float64)
    for p, kept in ((0.39, 1), (0.41, 2), (0.69, 2), (0.71, 3), (0.95, 4)):
        assert (ours(transforms.top_p(p), probabilities.log(), history(rows=1)) > -torch.inf).sum() == kept


@pytest.mark.parametrize(
    ("factory", "value"),
    [
        (transforms.temperature, -0.1),
        (transforms.temperature, math.nan),
        (transforms.temperature, "hot"),
        (transforms.top_k, -1),
        (transforms.top_k, 2.5),
        (transforms.top_p, 0.0),
        (transforms.top_p, 1.5),
        (transforms.repetition_penalty, 0.0),
        (transforms.repetition_penalty, math.inf),
    ],
)
def test_knobs_out_of_range_are_refused(factory: object, value: object) -> None:
    with pytest.raises(InputError, match=r"=.*: input should"):
        factory(value)  # type: ignore[operator]
