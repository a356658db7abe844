"""Contrastive decoding, against a loop from the paper over two models of transformers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

import harness.models
from harness.engine import Request, decode
from harness.errors import InputError
from harness.loaders import load_model
from harness.models.base import LanguageModel
from harness.models.pocket import pocket
from harness.prompts import Prompt
from harness.strategies.accompanied import contrast
from harness.strategies.contrastive_decoding import contrastive_decoding
from harness.strategies.sampling import greedy
from tests.scored_loop import Score, agree

MODELS = Path(harness.models.__file__).parent


@cache
def plain(name: str) -> Callable[[list[int]], Tensor]:
    """transformers' own model, run over whole texts: tokens -> [vocab] logits."""
    network: Any = AutoModelForCausalLM.from_pretrained(MODELS / name, dtype=torch.float64).eval()
    return lambda tokens: network(input_ids=torch.tensor([tokens])).logits[0, -1]


@cache
def model(name: str = "m") -> LanguageModel:
    return load_model(f"pocket-{name}", dtype="float64")


def paper(alpha: float, amateur_temperature: float) -> Score:
    def score(prompt: list[int], text: list[int]) -> Tensor:
        expert = plain("pocket-m")(prompt + text).softmax(-1)
        amateur = (plain("pocket-s")(prompt + text) / amateur_temperature).softmax(-1)
        scores = torch.full_like(expert, -torch.inf)
        head = expert >= alpha * expert.max()
        scores[head] = expert[head].log() - amateur[head].log()
        return scores

    return score


@pytest.mark.parametrize(
    ("alpha", "amateur_temperature", "temperature"),
    [(0.1, 1.0, 0.0), (0.1, 0.5, 0.0), (0.3, 2.0, 0.0), (0.1, 1.0, 1.0), (0.05, 0.5, 0.7)],
)
def test_the_tokens_are_those_of_the_papers_loop(alpha: float, amateur_temperature: float, temperature: float) -> None:
    knobs: dict[str, Any] = {"alpha": alpha, "amateur_temperature": amateur_temperature}
    strategy = contrastive_decoding(amateur="pocket-s", temperature=temperature, **knobs)
    agree(model(), strategy, paper(**knobs), temperature)


def tokens(strategy: Any, by: Any = None) -> list[tuple[int, ...]]:
    by = by or model()
    asked = [Request(Prompt(t, t), tuple(by.encode(t)), strategy, 8) for t in "abc"]
    found = {g.request: g.tokens for g in decode(by, asked)}
    return [found[r] for r in asked]


@pytest.mark.parametrize("knobs", [{"alpha": 1.0}, {"amateur_temperature": math.inf}])
def test_the_limits_are_greedy(knobs: dict[str, Any]) -> None:
    assert tokens(contrastive_decoding(amateur="pocket-s", **knobs)) == tokens(greedy())
    assert tokens(contrastive_decoding(amateur="pocket-s", **knobs)) != tokens(contrastive_decoding(amateur="pocket-s"))


def test_with_itself_as_amateur_all_plausible_tokens_are_equal() -> None:
    best, drawn = (contrastive_decoding(amateur="pocket-s", alpha=0.2, temperature=t) for t in (0.0, 1.0))
    small = model("s")
    assert best.companion(small) is None
    assert best.companion(model()) is not None
    for strategy in (best, drawn):
        asked = [Request(Prompt(t, t), tuple(small.encode(t)), strategy, 8, seed) for t in "abc" for seed in (0, 1)]
        for g in decode(small, asked):
            text = list(g.request.tokens)
            for token, strategy_logprob in zip(g.tokens, g.values[:, 1], strict=True):
                p = plain("pocket-s")(text).softmax(-1)
                head = (p >= 0.2 * p.max()).nonzero()[:, 0].tolist()
                assert token in head
                if strategy is best:
                    assert token == head[0]
                else:
                    assert math.exp(strategy_logprob) == pytest.approx(1 / len(head), rel=1e-5)
                text.append(token)


def test_impossible_tokens_and_ties() -> None:
    own = torch.tensor([[0.0, 0.0, -torch.inf, -5.0], [3.0, -torch.inf, -torch.inf, -torch.inf]]).double()
    other = torch.tensor([[0.0, -torch.inf, 0.0, 0.0], [-torch.inf, 0.0, 0.0, 0.0]]).double()
    found = contrast(own, other, 0.1)
    assert not found.isnan().any()
    assert (found > -torch.inf).tolist() == [[True, True, False, False], [True, False, False, False]]
    assert found.argmax(-1).tolist() == [1, 0]  # what the amateur forbids is the best
    assert (contrast(own, other, 0.0) > -torch.inf).tolist()[0] == [True, True, False, True]
    assert (contrast(own, other, 1.0) > -torch.inf).tolist()[0] == [True, True, False, False]


def test_an_amateur_may_have_a_narrower_or_a_wider_head() -> None:
    own, other = torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    narrow = contrast(own, other[:, :4], 0.0)
    assert (narrow[:, 4:] == -torch.inf).all()
    assert torch.allclose(narrow[:, :4], own.log_softmax(-1)[:, :4] - other[:, :4].log_softmax(-1))
    wide = contrast(own[:, :4], other, 0.0)
    assert torch.allclose(wide, own[:, :4].log_softmax(-1) - other.log_softmax(-1)[:, :4])


@pytest.mark.parametrize(
    ("knob", "value", "allowed"),
    [
        ("alpha", 1.5, "0 <= value <= 1"),
        ("alpha", -0.1, "0 <= value <= 1"),
        ("amateur_temperature", 0.0, "0 < value"),
        ("temperature", -1.0, "0 <= value"),
        ("amateur", 3, "string"),
        ("top_p", 0.0, "0 < value <= 1"),
    ],
)
def test_a_bad_knob_is_named(knob: str, value: Any, allowed: str) -> None:
    with pytest.raises(InputError, match=f"^{knob}={value!r}: .*{allowed}"):
        contrastive_decoding(**({"amateur": "pocket-s"} | {knob: value}))


def test_it_runs_in_numpy_too() -> None:
    other = pocket("m", dtype="float64", backend="numpy")
    strategy = contrastive_decoding(amateur="pocket-s")
    assert tokens(strategy, by=other) == tokens(strategy)
    beside = strategy.companion(other)
    assert beside is not None
    assert getattr(beside.model, "backend", None) == "numpy"
