"""XTC, against a loop written from its description."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from torch import Tensor

from harness import transforms
from harness.draws import expand
from harness.errors import InputError
from harness.transforms import chain
from tests.logit_rows import adversarial
from tests.views import view_of


def always(x: Tensor, threshold: float) -> Tensor:
    return chain(transforms.xtc(1.0, threshold))(x, view_of(x))


def by_hand(row: Tensor, threshold: float) -> list[int]:
    """The forbidden tokens: all that reach the threshold, but the last of them in falling order."""
    p = row.double().softmax(-1)
    likely = sorted((i for i in range(len(p)) if p[i] >= threshold and p[i] > 0), key=lambda i: (-float(p[i]), i))
    return sorted(likely[:-1])


@given(st.integers(0, 10**6), st.sampled_from([0.5, 0.333, 0.25, 0.1, 0.03, 0.001, 0.0]), st.floats(0.1, 6.0))
def test_is_the_loop_of_the_description(seed: int, threshold: float, scale: float) -> None:
    x = torch.randn(4, 23, generator=torch.Generator().manual_seed(seed)) * scale
    after = always(x, threshold)
    assert [(row == -torch.inf).nonzero()[:, 0].tolist() for row in after] == [by_hand(r, threshold) for r in x]
    assert torch.equal(after[after.isfinite()], x[after.isfinite()])


def test_the_threshold_itself_is_reached_and_of_equals_the_last_id_stays() -> None:
    x = torch.tensor([[0.0, -torch.inf, 0.0, 0.0, 0.0]])  # four quarters, exactly
    assert (always(x, 0.25) == -torch.inf).tolist() == [[True, True, True, True, False]]
    assert torch.equal(always(x, 0.26), x)


def test_the_example_of_the_author() -> None:
    x = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    assert always(x, 0.1).softmax(-1)[0].tolist() == pytest.approx([0, 0, 0.75, 0.25])


@pytest.mark.parametrize("vocab", [11, 600])
@pytest.mark.parametrize("threshold", [0.0, 0.01, 0.5])
def test_a_token_always_stays(vocab: int, threshold: float) -> None:
    rows = adversarial(vocab)
    x = torch.stack(list(rows.values()))
    after = always(x, threshold)
    assert (after > -torch.inf).any(-1).all()
    assert torch.equal(after[list(rows).index("one hot")], rows["one hot"])


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_it_happens_as_often_as_asked_on_even_draws(probability: float) -> None:
    n = 20_000
    x = torch.tensor([[0.6, 0.3, 0.1]]).log().expand(n, 3).contiguous()
    uniform = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    after = chain(transforms.xtc(probability, 0.2))(x, view_of(x, uniform=uniform))
    happened = after[:, 0] == -torch.inf
    assert binomtest(int(happened.sum()), n, probability).pvalue > 1e-3
    assert torch.equal(after[~happened], x[~happened])
    assert torch.equal(happened, expand(uniform, 1)[:, 0] < probability)
    for quarter in happened.view(4, -1):  # whatever token the draw itself picks
        assert binomtest(int(quarter.sum()), n // 4, probability).pvalue > 1e-3


def test_off_and_out_of_range() -> None:
    assert transforms.xtc() is transforms.xtc(0.0, 0.3) is None
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: transforms.xtc(1.1), "probability=1.1"),
        (lambda: transforms.xtc(-0.1), "probability=-0.1"),
        (lambda: transforms.xtc(0.5, 0.51), "threshold=0.51"),
        (lambda: transforms.xtc(0.5, math.nan), "threshold=nan"),
    ]
    for call, said in calls:
        with pytest.raises(InputError, match=said):
            call()
