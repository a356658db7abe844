from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.engine import decode
from harness.errors import InputError
from harness.exact import decode_exactly
from harness.models.base import LanguageModel
from harness.models.loading import Dtype, hf
from harness.models.pocket import pocket
from harness.prompts import identified
from harness.requests import Generation, Request
from harness.strategies.base import Strategy
from harness.strategies.beam import beam
from harness.strategies.sampling import greedy, sample
from tests.table_model import table_model

MIXED: list[Strategy[Any]] = [
    greedy(),
    sample(),
    sample(temperature=0.7),
    beam(num_beams=3),
    sample(repetition_penalty=1.2, top_p=0.9),
]
TEXTS = ["the", "a cat sat on", "x", "one two three four five six", "dogs", "a", "ten long words " * 3]


def asked(model: LanguageModel, seeds: int) -> list[Request]:
    return [
        Request(p, tuple(model.encode(p.text)), s, 4 + 3 * i, seed)
        for s in MIXED
        for i, p in enumerate(identified([(t, None) for t in TEXTS]))
        for seed in range(seeds if s.stochastic else 1)
    ]


def bits(g: Generation) -> tuple[Any, ...]:
    return g.tokens, g.values.tobytes(), g.score, g.finish


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_same_bits_in_any_company_and_order(tiny_dir: Path, dtype: Dtype) -> None:
    model = hf(str(tiny_dir), dtype=dtype)
    requests = asked(model, 3)
    found = {g.request: bits(g) for g in decode_exactly(model, requests, max_rows=16)}
    assert len(found) == len(requests)
    order = np.random.default_rng(0)
    for share in (1.0, 0.5, 0.2, 0.1):
        some = [requests[i] for i in order.permutation(len(requests))[: int(share * len(requests))]]
        assert {g.request: bits(g) for g in decode_exactly(model, some, max_rows=16)} == {r: found[r] for r in some}
    for r in requests[::7]:
        (alone,) = decode_exactly(model, [r], max_rows=16)
        assert bits(alone) == found[r]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_same_bits_with_packed_weights(dtype: Dtype) -> None:
    model = pocket("s", dtype=dtype)
    requests = asked(model, 2)
    found = {g.request: bits(g) for g in decode_exactly(model, requests)}
    order = np.random.default_rng(1)
    for share in (0.6, 0.1):
        some = [requests[i] for i in order.permutation(len(requests))[: int(share * len(requests))]]
        assert {g.request: bits(g) for g in decode_exactly(model, some)} == {r: found[r] for r in some}


def test_it_gives_the_tokens_of_the_fast_engine(tiny_dir: Path) -> None:
    model = hf(str(tiny_dir), dtype="float64")
    requests = asked(model, 2)
    fast = {g.request: g.tokens for g in decode(model, requests)}
    assert {g.request: g.tokens for g in decode_exactly(model, requests, max_rows=16)} == fast


def test_a_request_wider_than_a_tile_is_refused() -> None:
    model = table_model(6)
    with pytest.raises(InputError, match=r"engine.max_rows=2: Beam needs 3 rows"):
        list(decode_exactly(model, asked(model, 1), max_rows=2))


def test_rows_that_fill_a_tile_do_not_outgrow_the_context() -> None:
    model = table_model(6, eos=[5], context=40)
    prompts = identified([("a" * 38, None), ("b" * 33, None), ("abc" * 11, None)])
    requests = [Request(p, tuple(model.encode(p.text)), s, 50) for p in prompts for s in (greedy(), sample())]
    fast = {g.request: (g.tokens, g.finish) for g in decode(model, requests)}
    assert {finish for _, finish in fast.values()} >= {"context"}
    assert {g.request: (g.tokens, g.finish) for g in decode_exactly(model, requests, max_rows=16)} == fast
