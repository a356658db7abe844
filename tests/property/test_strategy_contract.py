"""Every yaml in conf/strategy obeys the contract; a new one is tested the day it is added."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from harness.configs import option, options
from harness.engine import Request, decode
from harness.knobs import build
from harness.nodes import Nodes
from harness.prompts import Prompt
from harness.strategies.base import VALUES, Prefill, Strategy, View
from tests.table_model import table_model

pytestmark = pytest.mark.usefixtures("table_beside")
NAMES = options("strategy")
VOCAB, EOS = 17, 16
NEW = 6


@cache
def load(name: str) -> Strategy[Any]:
    strategy: Strategy[Any] = build(option("strategy", name), "strategy")
    return strategy


def request(name: str, number: int) -> Request:
    prompt = tuple((number // 16**i) % 16 for i in range(1 + number % 4))
    return Request(Prompt(f"p{number}", "x"), prompt, load(name), NEW, seed=number % 3)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15)
@given(numbers=st.lists(st.integers(0, 10**6), min_size=2, max_size=6, unique=True), data=st.data())
def test_a_request_decodes_the_same_in_any_company(name: str, numbers: list[int], data: st.DataObject) -> None:
    model = table_model(VOCAB, eos=[EOS])
    company = data.draw(st.lists(st.sampled_from(NAMES), max_size=2))
    asked = [request(each, n) for each in [name, *company] for n in numbers]
    order = data.draw(st.permutations(asked))
    together = {g.request: g for g in decode(model, order)}
    for r in asked[: len(numbers)]:
        (alone,) = decode(model, [r])
        assert together[r].tokens == alone.tokens
        assert together[r].finish == alone.finish
        assert torch.equal(
            torch.from_numpy(together[r].values).nan_to_num(7), torch.from_numpy(alone.values).nan_to_num(7)
        )
        assert all(0 <= t < VOCAB for t in alone.tokens)
        assert 1 <= len(alone.tokens) <= NEW


def play(strategy: Strategy[Any], numbers: list[int], steps: int = 4) -> list[tuple[Tensor, Tensor]]:
    """Drive a strategy by hand over a table, checking each step; the tokens and parents of every step."""
    model = table_model(VOCAB, eos=[EOS])
    strategy = strategy.tokenized(model)
    width, n = strategy.width, len(numbers)
    history = torch.tensor([[(x // 7) % 16, x % 16] for x in numbers])
    state = strategy.start(Prefill(history, model.embedding[history]))
    beside: Any = strategy.companion(model)
    history = history.repeat_interleave(width, 0)
    values = torch.zeros(n * width, 0, len(VALUES))
    trace = []
    for step in range(steps):
        u = torch.tensor([((x * 2654435761 + i * 40503 + step) % 9973) / 9973 for x in numbers for i in range(width)])
        view = View(
            Nodes(model.table[history[:, -1]]), torch.arange(n * width), history, u.double(), values,
            model.embedding[history[:, -1]], step, model.eos, torch.full((n,), steps + 1),
            None if beside is None else beside.model.table[history[:, -1]],
        )  # fmt: skip
        tensors = {f: getattr(view, f).clone() for f in ("logits", "node", "history", "uniform", "values", "hidden")}
        move, state = strategy.step(view, state)
        for field, before in tensors.items():
            assert torch.equal(getattr(view, field), before), f"{field} was modified"
        parents = torch.arange(n * width) if move.parents is None else move.parents
        assert move.tokens.shape == parents.shape == (n * width,)
        assert move.tokens.dtype == parents.dtype == torch.int64
        assert ((move.tokens >= 0) & (move.tokens < VOCAB)).all()
        assert torch.equal(parents // width, torch.arange(n * width) // width), (
            "a row took a parent from another request"
        )
        assert move.done is None or (move.done.shape == (n,) and move.done.dtype == torch.bool)
        if strategy.width == 1 and strategy.lag == 0:
            assert move.logprobs is not None
            assert move.kept is not None
            assert (move.logprobs <= 1e-9).all()
            assert ((move.kept >= 1) & (move.kept <= VOCAB)).all()
            assert move.kept_mass is not None
            assert ((move.kept_mass > 0) & (move.kept_mass <= 1)).all()
        history = torch.cat([history[parents], move.tokens[:, None]], 1)
        values = torch.cat([values[parents], torch.zeros(n * width, 1, len(VALUES))], 1)
        trace.append((move.tokens, parents))
    return trace


@pytest.mark.parametrize("name", NAMES)
def test_a_step_keeps_its_promises(name: str) -> None:
    numbers = [5, 91, 1234, 77777]
    first, again = play(load(name), numbers), play(load(name), numbers)
    assert all(torch.equal(a, b) for x, y in zip(first, again, strict=True) for a, b in zip(x, y, strict=True))
    hash(load(name))


@pytest.mark.parametrize("name", NAMES)
def test_stochastic_says_whether_the_draw_matters(name: str) -> None:
    model = table_model(VOCAB)
    prompt = Prompt("p", "x")
    asked = [Request(prompt, (3, 4), load(name), 12, seed) for seed in range(20)]
    distinct = {g.tokens for g in decode(model, asked)}
    assert (len(distinct) > 1) == load(name).stochastic
