"""The order of a chain's stages."""

from __future__ import annotations

import pytest
import torch

from harness import transforms
from harness.errors import InputError
from harness.nodes import Nodes
from harness.strategies.base import VALUES, View
from harness.strategies.order import Order, ordered
from harness.strategies.sampling import sample


def kept(order: Order, logits: torch.Tensor, temperature: float, top_p: float) -> int:
    stages = {"temperature": transforms.temperature(temperature), "top_p": transforms.top_p(top_p)}
    view = View(
        Nodes(logits),
        torch.zeros(1, dtype=torch.long),
        torch.zeros(1, 1, dtype=torch.long),
        torch.zeros(1, dtype=torch.float64),
        torch.empty(1, 0, len(VALUES)),
        None,
        0,
        frozenset(),
        torch.tensor([1]),
    )
    return int((ordered(stages, order)(logits, view) > -torch.inf).sum())


def test_temperature_before_or_after_the_nucleus() -> None:
    # By hand: at 1, 0.5 + 0.25 + 0.125 reaches 0.8 with three tokens; at temperature 1e9 all ten are equal: eight.
    logits = torch.tensor([[2.0**-i for i in range(1, 10)] + [2.0**-9]]).log()
    assert kept("llama.cpp", logits, 1e9, 0.8) == 3
    assert kept("transformers", logits, 1e9, 0.8) == 8
    assert kept(("top_p", "temperature"), logits, 1e9, 0.8) == 3
    assert kept(("temperature", "top_p"), logits, 1e9, 0.8) == 8


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (("temperature",), "lacks top_p, which is on"),
        (("top_p", "temprature"), "did you mean 'temperature'"),
        (("top_p", "top_p"), "'top_p' is there 2 times"),
        ("vllm", "'transformers', 'llama.cpp' or a list"),
    ],
)
def test_an_order_that_cannot_be(order: Order, said: str) -> None:
    with pytest.raises(InputError, match=said):
        sample(top_p=0.5, order=order)
