"""Locally typical sampling."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import TypicalLogitsWarper

from harness import sampler, transforms
from harness.errors import InputError
from harness.nodes import PREFIX
from harness.strategies.sampling import sample
from harness.transforms import chain
from tests.logit_rows import adversarial
from tests.views import view_of as view

SECOND = 500
LARGE = 4 * SECOND + 100  # so that every step of the way to the whole vocabulary is taken
MASSES = [1e-6, 0.2, 0.5, 0.9, 0.951, 0.9999]


@pytest.fixture(autouse=True, scope="module")
def _small_second_step() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampler, "SECOND", SECOND)
        yield


def ours(mass: float, x: Tensor) -> Tensor:
    transform = transforms.typical_p(mass)
    assert transform is not None
    before = x.clone()
    after = transform(x, view(x))
    assert torch.equal(x, before)
    return after


def theirs(mass: float, x: Tensor) -> Tensor:
    found: Tensor = TypicalLogitsWarper(mass)(torch.zeros(1, 0, dtype=torch.int64), x.clone())
    return found


@pytest.mark.parametrize("mass", MASSES)
@pytest.mark.parametrize("vocab", [50, 4 * PREFIX + 1, LARGE])
def test_random_rows_come_out_as_from_transformers(mass: float, vocab: int) -> None:
    for scale in (0.1, 1, 3, 9):
        x = scale * torch.randn(8, vocab, generator=torch.Generator().manual_seed(3), dtype=torch.float64) - 100
        assert torch.equal(ours(mass, x), theirs(mass, x))
        assert torch.equal(ours(mass, x.float()), theirs(mass, x.float().double()).float())


@pytest.mark.parametrize("mass", MASSES)
@pytest.mark.parametrize("vocab", [1, 2, 50, 4 * PREFIX + 1, LARGE])
def test_adversarial_rows_come_out_as_from_transformers(mass: float, vocab: int) -> None:
    rows = torch.stack(list(adversarial(vocab).values())).double()
    for case, mine, other in zip(adversarial(vocab), ours(mass, rows), theirs(mass, rows), strict=True):
        assert torch.equal(mine, other), case


@given(
    st.sampled_from(MASSES),
    st.lists(st.floats(-30, 30).map(lambda x: round(x, 3)) | st.just(-math.inf), min_size=1, max_size=40).filter(
        lambda x: max(x) > -math.inf
    ),
)
def test_any_row_comes_out_as_from_transformers(mass: float, logits: list[float]) -> None:
    x = torch.tensor([logits], dtype=torch.float64)
    assert torch.equal(ours(mass, x), theirs(mass, x))


def test_by_hand_the_likeliest_token_may_go() -> None:
    probabilities = torch.tensor([[0.6, 0.1, 0.1, 0.1, 0.1]])  # H = 1.77 bits; surprises of 0.74 and 3.32 bits
    assert (ours(0.2, probabilities.log()) > -torch.inf).tolist() == [[True, False, False, False, False]]
    probabilities = torch.tensor([[0.3, *[0.07] * 10]])  # H = 3.21 bits; surprises of 1.74 and 3.84 bits
    assert (ours(0.2, probabilities.log()) > -torch.inf).tolist() == [[False, *[True] * 10]]


def test_a_row_comes_out_the_same_in_any_company() -> None:
    x = 3 * torch.randn(30, LARGE, generator=torch.Generator().manual_seed(4))
    x[3], x[7] = 0.0, x[7] * 5
    together = ours(0.9, x)
    assert all(torch.equal(together[i : i + 1], ours(0.9, x[i : i + 1])) for i in range(30))


@pytest.mark.parametrize("mass", MASSES)
def test_both_limits_of_temperature(mass: float) -> None:
    x = torch.tensor([[1.0, 3.0, 3.0, -torch.inf, 2.0]])
    for temperature, left in ((0.0, [1, 2]), (math.inf, [0, 1, 2, 4])):
        after = chain(transforms.temperature(temperature), transforms.typical_p(mass))(x, view(x))
        assert (after[0] > -torch.inf).nonzero()[:, 0].tolist() == left


def test_a_row_without_a_possible_token_ends_the_run() -> None:
    with pytest.raises(InputError, match="a transform forbade all"):
        ours(0.5, torch.full((2, 9), -torch.inf))


def test_off_is_absent() -> None:
    assert transforms.typical_p(1.0) is None
    assert sample(typical_p=1.0) == sample()


@pytest.mark.parametrize("value", [0.0, 1.01, -1, math.nan, "a", None])
def test_values_out_of_range_are_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"typical_p=.*: input should"):
        sample(typical_p=value)  # type: ignore[arg-type]
