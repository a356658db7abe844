"""Each of the homework's mistakes against its description in loops, and what they do to a network."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from harness.errors import InputError
from harness.models.gpt2_numpy import Attention
from harness.models.numpy_model import NumpyModel
from harness.models.pocket import pocket
from harness.studies.wrong_attention import WRONG, attention
from tests.numpy_networks import numpy_gpt2, torch_gpt2

RNG = np.random.default_rng(1)
TOKENS = np.array([RNG.integers(61, size=11)])
HEADS, DIM, TIME = 5, 4, 11
ALL = [set(some) for n in range(4) for some in combinations(sorted(WRONG), n)]


def in_loops(query: Any, keys: Any, values: Any, mistakes: set[str]) -> Any:
    """The attention of one text, [time, width] each, with the mistakes as the issue words them."""

    def heads(x: Any) -> Any:  # [heads][time] -> D numbers
        if "split" in mistakes:
            return x.reshape(HEADS, TIME, DIM)
        return [[x[t, h * DIM : (h + 1) * DIM] for t in range(TIME)] for h in range(HEADS)]

    q, k, v = map(heads, (query, keys, values))
    out = np.zeros((TIME, HEADS * DIM))
    for h in range(HEADS):
        for t in range(TIME):
            weights = []
            for s in range(TIME):
                score = q[h][t] @ k[h][s] * (1 if "scale" in mistakes else 1 / math.sqrt(DIM))
                if "mask" in mistakes:
                    weights.append(math.exp(score + (1 if s <= t else 0)))
                else:
                    weights.append(math.exp(score) if s <= t else 0)
            out[t, h * DIM : (h + 1) * DIM] = sum(w * v[h][s] for s, w in enumerate(weights)) / sum(weights)
    return out


@pytest.mark.parametrize("mistakes", ALL, ids=lambda m: "+".join(sorted(m)) or "none")
def test_each_is_what_it_is_said_to_be(mistakes: set[str]) -> None:
    query, keys, values = RNG.normal(size=(3, 1, TIME, HEADS * DIM))
    found = attention(mistakes)(query, keys, values, np.arange(TIME)[None], HEADS)
    np.testing.assert_allclose(found[0], in_loops(query[0], keys[0], values[0], mistakes), rtol=1e-10)


def test_each_set_of_mistakes_gives_other_logits() -> None:
    network = torch_gpt2()
    logits = [g.logits(g.states(TOKENS)[0]) for g in (numpy_gpt2(network, attention(m)) for m in ALL)]
    for a, b in combinations(range(len(ALL)), 2):
        assert np.abs(logits[a] - logits[b])[1:].max() > 0.1, (ALL[a], ALL[b])


def test_together_they_ruin_a_trained_model() -> None:
    model = pocket("m", backend="numpy")
    assert isinstance(model, NumpyModel)
    tokens = np.array([model.encode("Once upon a time there was a king who had three sons, and the youngest of them")])
    right = model.gpt2.states(tokens)[0, :-1]
    model.gpt2.attention = attention(WRONG)
    wrong = model.gpt2.states(tokens)[0, :-1]

    def loss(states: Any) -> float:
        logits = model.gpt2.logits(states).astype(np.float64)
        norm = np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1)) + logits.max(-1)
        return float(np.mean(norm - logits[np.arange(len(logits)), tokens[0, 1:]]))

    assert loss(wrong) > loss(right) + 1


def test_without_mistakes_it_is_the_right_one() -> None:
    assert attention([]) == Attention()
    assert attention(["scale"]) == attention({"scale"}) != Attention()


def test_other_mistakes_are_refused() -> None:
    with pytest.raises(InputError, match=r"mistakes='masks': did you mean 'mask'\? allowed: mask, scale, split"):
        attention(["masks"])
