from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from harness.engine import Request, decode
from harness.errors import InputError
from harness.loaders import load_model
from harness.models.huggingface import HuggingFaceModel
from harness.prompts import identified
from harness.strategies.base import Strategy
from harness.strategies.contrastive_search import contrastive_search
from harness.strategies.sampling import greedy
from tests.batches import TEXTS, requests
from tests.table_model import table_model

PROMPTS = ["The fox", "Once upon a time there was a", "The old woman said to the boy that"]


@pytest.fixture(scope="module")
def model() -> HuggingFaceModel:
    found = load_model("pocket-s", dtype="float64")
    assert isinstance(found, HuggingFaceModel)
    return found


def from_the_paper(model: HuggingFaceModel, prompt: Sequence[int], k: int, alpha: float, new: int) -> tuple[int, ...]:
    """Su et al. (2022), equation 5, one candidate and one whole forward pass at a time."""
    tokens = list(prompt)

    def run(ids: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            out = model.network(input_ids=torch.tensor([ids]), output_hidden_states=True)
        return out.logits[0, -1].softmax(-1), out.hidden_states[-1][0]

    for _ in range(new):
        p, context = run(tokens)
        scores = []
        for v in p.topk(k).indices.tolist():
            state = run([*tokens, v])[1][-1]
            likeness = max(float(torch.cosine_similarity(state, h, dim=0)) for h in context)
            scores.append(((1 - alpha) * float(p[v]) - alpha * likeness, v))
        tokens.append(max(scores)[1])
        if tokens[-1] in model.eos:
            break
    return tuple(tokens[len(prompt) :])


def texts(model: HuggingFaceModel, strategy: Strategy[Any], new: int = 8) -> list[tuple[int, ...]]:
    asked = [Request(p, tuple(model.encode(p.text)), strategy, new) for p in identified([(t, None) for t in PROMPTS])]
    found = {g.request: g.tokens for g in decode(model, asked)}
    return [found[r] for r in asked]


@pytest.mark.parametrize(("k", "alpha"), [(2, 0.6), (4, 0.6), (5, 0.3), (8, 1.0)])
def test_it_is_the_loop_of_the_paper(model: HuggingFaceModel, k: int, alpha: float) -> None:
    expected = [from_the_paper(model, model.encode(t), k, alpha, 8) for t in PROMPTS]
    found = texts(model, contrastive_search(top_k=k, penalty_alpha=alpha))
    assert found == expected
    assert found != texts(model, greedy())


@pytest.mark.parametrize("knobs", [{"penalty_alpha": 0.0}, {"top_k": 1}])
def test_without_a_penalty_or_a_choice_it_is_greedy(model: HuggingFaceModel, knobs: dict[str, float]) -> None:
    assert texts(model, contrastive_search(**knobs)) == texts(model, greedy())  # type: ignore[arg-type]


def test_more_candidates_than_are_sorted_at_first(model: HuggingFaceModel) -> None:
    prompt = model.encode(PROMPTS[0])
    assert texts(model, contrastive_search(top_k=300, penalty_alpha=0.5), 1)[0] == from_the_paper(
        model, prompt, 300, 0.5, 1
    )


def test_more_candidates_than_there_are_tokens() -> None:
    model = table_model(6, eos=[5])
    six, nine = ([g.tokens for g in decode(model, requests([contrastive_search(top_k=k)], TEXTS))] for k in (6, 9))
    assert six == nine


@pytest.mark.parametrize("knobs", [{"top_k": 0}, {"top_k": 2.5}, {"penalty_alpha": -0.1}, {"penalty_alpha": 1.1}])
def test_knobs_out_of_range(knobs: dict[str, float]) -> None:
    (name,) = knobs
    with pytest.raises(InputError, match=name):
        contrastive_search(**knobs)  # type: ignore[arg-type]
