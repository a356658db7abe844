"""The network in NumPy, part by part and as a whole, against torch and transformers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from torch.nn import functional

from harness.models import gpt2_numpy
from harness.models.gpt2_numpy import Attention, gelu, layer_norm, linear, merge_heads, softmax, split_heads
from tests.numpy_networks import TOLERANCE, alone, numpy_gpt2, torch_gpt2
from tests.tiny_gpt2 import tiny_gpt2

RNG = np.random.default_rng(0)
TOKENS = [int(t) for t in RNG.integers(61, size=30)]


def test_the_parts_are_torchs() -> None:
    x, gain, bias, matrix = (RNG.normal(size=s) for s in ((2, 3, 8), (8,), (8,), (8, 5)))
    a, b, c, d = map(torch.from_numpy, (x, gain, bias, matrix))
    assert_allclose(layer_norm(x, gain, bias, 0.1), functional.layer_norm(a, (8,), b, c, 0.1), rtol=1e-12)
    assert_allclose(gelu(4 * x), functional.gelu(4 * a, approximate="tanh"), rtol=1e-9, atol=1e-15)
    assert_allclose(linear(x, matrix, bias[:5]), functional.linear(a, d.T, c[:5]), rtol=1e-12)
    x[0, 1, 2:] = -np.inf
    assert_allclose(softmax(x), torch.from_numpy(x).softmax(-1), rtol=1e-12)
    assert (softmax(x)[0, 1, 2:] == 0).all()


def test_heads_are_split_and_merged() -> None:
    x = RNG.normal(size=(2, 3, 8))
    split = split_heads(x, 4)
    for head in range(4):
        assert (split[:, head] == x[:, :, 2 * head : 2 * head + 2]).all()
    assert (merge_heads(split) == x).all()


def test_attention_is_torchs() -> None:
    query, keys, values = RNG.normal(size=(3, 2, 6, 20))
    found = Attention()(query, keys, values, np.tile(np.arange(6), (2, 1)), 5)
    q, k, v = (torch.from_numpy(x).view(2, 6, 5, 4).transpose(1, 2) for x in (query, keys, values))
    theirs = functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(2, 6, 20)
    assert_allclose(found, theirs, rtol=1e-10)


def test_attention_is_its_formula_where_texts_differ_in_length() -> None:
    """Vaswani et al. (2017), equation 1, in loops; each query sees the keys up to its own position alone."""
    query, keys, values = RNG.normal(size=(2, 1, 6)), RNG.normal(size=(2, 5, 6)), RNG.normal(size=(2, 5, 6))
    found = Attention()(query, keys, values, np.array([[4], [1]]), 2)
    for row, seen in ((0, 5), (1, 2)):
        for part in (slice(0, 3), slice(3, 6)):
            scores = [math.exp(query[row, 0, part] @ keys[row, i, part] / math.sqrt(3)) for i in range(seen)]
            expected = sum(s * values[row, i, part] for i, s in enumerate(scores)) / sum(scores)
            assert_allclose(found[row, 0, part], expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "changed",
    [{}, {"n_inner": 12, "n_head": 2}, {"tie_word_embeddings": False}, {"layer_norm_epsilon": 0.05, "n_layer": 1}],
    ids=str,
)
def test_it_is_transformers_gpt2(dtype: str, changed: dict[str, Any]) -> None:
    network = torch_gpt2(dtype, **changed)
    ours = numpy_gpt2(network)
    states = ours.states(np.array([TOKENS]))[0]
    logits, theirs = alone(network, TOKENS)
    assert states.dtype == ours.logits(states).dtype == np.dtype(dtype)
    assert (ours.vocab, ours.context, ours.layers) == (61, 48, network.config.n_layer)
    assert_allclose(states, theirs, rtol=0, atol=TOLERANCE[dtype])
    assert_allclose(ours.logits(states), logits, rtol=0, atol=TOLERANCE[dtype])
    assert np.ptp(logits.numpy()) > 5  # of logits that hardly differ it would say little


def test_it_is_the_model_that_strategies_are_tested_with() -> None:
    network = tiny_gpt2(vocab=9).network
    ours = numpy_gpt2(network)
    tokens = [t % 9 for t in TOKENS]
    assert_allclose(ours.logits(ours.states(np.array([tokens]))[0]), alone(network, tokens)[0], rtol=0, atol=1e-9)


@settings(max_examples=20)
@given(cuts=st.sets(st.integers(1, 29), max_size=6), slack=st.sampled_from([1, 3, 32]))
def test_pieces_give_what_the_whole_gives(cuts: set[int], slack: int) -> None:
    ours = numpy_gpt2(torch_gpt2())
    whole = ours.states(np.array([TOKENS, TOKENS[::-1]]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpt2_numpy, "SLACK", slack)  # the buffers are full after so many columns
        past = ours.past(2, 1)
        parts = [ours.states(part, past) for part in np.split(np.array([TOKENS, TOKENS[::-1]]), sorted(cuts), axis=1)]
    assert_allclose(np.concatenate(parts, 1), whole, rtol=0, atol=1e-12)
    assert past.lengths.tolist() == [30, 30]


def test_nothing_reads_ahead() -> None:
    """The notebooks' check: the first rows of a longer text's logits are those of its prefix."""
    ours = numpy_gpt2(torch_gpt2())
    assert_allclose(ours.states(np.array([TOKENS]))[0, :8], ours.states(np.array([TOKENS[:8]]))[0], atol=1e-13)


def test_after_an_error_the_memory_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = numpy_gpt2(torch_gpt2())
    past = ours.past(1, 1)
    ours.states(np.array([TOKENS[:5]]), past)
    with monkeypatch.context() as patch:
        patch.setattr(gpt2_numpy, "gelu", lambda _: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            ours.states(np.array([TOKENS[20:21]]), past)
    found = ours.states(np.array([TOKENS[5:6]]), past)[0, 0]
    assert_allclose(found, ours.states(np.array([TOKENS[:6]]))[0, 5], atol=1e-13)
