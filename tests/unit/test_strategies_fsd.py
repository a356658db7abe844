from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from harness.engine import Request, decode
from harness.errors import InputError
from harness.prompts import identified
from harness.strategies.base import Strategy
from harness.strategies.fsd import fsd
from harness.strategies.fsd_vec import fsd_vec
from harness.strategies.sampling import greedy
from tests.tiny_gpt2 import TinyGPT2, tiny_gpt2

PROMPTS = ["a", "abcab", "ccbbaacc", "xyxyzxyzz"]
NEW = 12
Penalty = Callable[[Sequence[int], int], float]


@pytest.fixture(scope="module")
def model() -> TinyGPT2:
    return tiny_gpt2(vocab=9)


def ngrams(n: int, beta: float) -> Callable[[TinyGPT2, Sequence[int]], Penalty]:
    """The n-gram model as dictionaries: context -> what has followed it."""

    def make(model: TinyGPT2, text: Sequence[int]) -> Penalty:
        followers: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for order in range(n):
            for i in range(order, len(text)):
                followers[tuple(text[i - order : i])][text[i]] += 1

        def penalty(_: Sequence[int], v: int) -> float:
            if len(text) < n - 1:
                return 0.0
            score, left = 0.0, 1.0
            for order in range(n - 1, -1, -1):
                after = followers.get(tuple(text[len(text) - order :]) if order else (), Counter())
                if not after[v]:
                    continue
                share = beta * after[v] / (after.total() + 1) if order else after[v] / after.total()
                score += left * share
                left *= 1 - beta
            return score

        return penalty

    return make


def states(n: int) -> Callable[[TinyGPT2, Sequence[int]], Penalty]:
    def make(model: TinyGPT2, text: Sequence[int]) -> Penalty:
        _, h = model.forward([list(text)], [range(len(text))])

        def penalty(_: Sequence[int], v: int) -> float:
            end = torch.cat([*h[len(text) - n + 1 :]])
            found = [
                float(torch.cosine_similarity(end, torch.cat([*h[i - n + 1 : i]]), dim=0))
                for i in range(n - 1, len(text))
                if text[i] == v
            ]
            return min(1.0, max([0.0, *found]))

        return penalty

    return make


def from_the_paper(
    model: TinyGPT2, prompt: Sequence[int], k: int, alpha: float, make: Callable[[TinyGPT2, Sequence[int]], Penalty]
) -> tuple[int, ...]:
    text = list(prompt)
    for _ in range(NEW):
        logits, _ = model.forward([text], [range(len(text) - 1, len(text))])
        p, penalty = logits[0].softmax(-1), make(model, text)
        candidates = p.topk(k).indices.tolist()
        text.append(max(candidates, key=lambda v: (1 - alpha) * float(p[v]) - alpha * penalty(text, v)))
    return tuple(text[len(prompt) :])


def texts(model: TinyGPT2, strategy: Strategy[Any]) -> list[tuple[int, ...]]:
    asked = [Request(p, tuple(model.encode(p.text)), strategy, NEW) for p in identified([(t, None) for t in PROMPTS])]
    found = {g.request: g.tokens for g in decode(model, asked)}
    return [found[r] for r in asked]


@pytest.mark.parametrize(("n", "beta"), [(1, 0.9), (2, 0.9), (3, 0.9), (4, 0.5), (3, 0.0), (3, 1.0)])
@pytest.mark.parametrize(("k", "alpha"), [(3, 0.4), (6, 0.7)])
def test_fsd_is_the_loop_over_dictionaries(model: TinyGPT2, n: int, beta: float, k: int, alpha: float) -> None:
    expected = [from_the_paper(model, model.encode(t), k, alpha, ngrams(n, beta)) for t in PROMPTS]
    assert texts(model, fsd(top_k=k, penalty_alpha=alpha, ngram_size=n, beta=beta)) == expected
    assert expected != texts(model, greedy())


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize(("k", "alpha"), [(3, 0.4), (6, 0.7)])
def test_fsd_vec_is_the_loop_over_states(model: TinyGPT2, n: int, k: int, alpha: float) -> None:
    expected = [from_the_paper(model, model.encode(t), k, alpha, states(n)) for t in PROMPTS]
    assert texts(model, fsd_vec(top_k=k, penalty_alpha=alpha, ngram_size=n)) == expected
    assert expected != texts(model, greedy())


@pytest.mark.parametrize(
    "strategy", [fsd(penalty_alpha=0.0), fsd(top_k=1), fsd_vec(penalty_alpha=0.0), fsd_vec(top_k=1)]
)
def test_without_a_penalty_or_a_choice_it_is_greedy(model: TinyGPT2, strategy: Strategy[Any]) -> None:
    assert texts(model, strategy) == texts(model, greedy())


@pytest.mark.parametrize("knobs", [{"top_k": 0}, {"penalty_alpha": 1.5}, {"ngram_size": 0}, {"beta": -1.0}])
def test_knobs_out_of_range(knobs: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(knobs))):
        fsd(**knobs)
    with pytest.raises(InputError, match="ngram_size=1"):
        fsd_vec(ngram_size=1)
