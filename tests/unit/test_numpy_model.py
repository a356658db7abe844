"""The NumPy backend behind the protocol: against transformers row by row, and against the torch path in whole runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from harness.configs import option, options
from harness.engine import Request, decode
from harness.errors import InputError
from harness.exact import decode_exactly
from harness.knobs import build
from harness.models import gpt2_numpy, numpy_model
from harness.models.loading import hf
from harness.models.numpy_model import NumpyModel
from harness.models.pocket import Size, pocket
from harness.models.scoring import features, score_continuations
from harness.prompts import identified
from harness.signature import differing, job_signature
from tests.numpy_networks import TOLERANCE, alone

PROMPTS = [[9, 40, 41], [5, 6, 7, 8, 9, 10, 11, 12, 13], [200]]
TEXTS = ["The", "Once upon a time there was a fox who", "A crow sat on a branch", "x", ""]
Rows = list[list[int]]


def numpy_of(path: Path, dtype: Any = "float64") -> NumpyModel:
    model = hf(name=str(path), dtype=dtype, backend="numpy")
    assert isinstance(model, NumpyModel)
    return model


@pytest.fixture(scope="module")
def pair(tiny_gpt2_dir: Path) -> tuple[NumpyModel, Any]:
    """The backend in float64, and transformers' network of the same directory."""
    return numpy_of(tiny_gpt2_dir), AutoModelForCausalLM.from_pretrained(tiny_gpt2_dir, dtype=torch.float64).eval()


def check(network: Any, rows: Rows, logits: torch.Tensor, tolerance: float = 1e-9) -> None:
    assert len(logits) == len(rows)
    for row, found in zip(rows, logits, strict=True):
        torch.testing.assert_close(found, alone(network, row)[0][-1], rtol=0, atol=tolerance)


def test_it_is_the_same_model_to_the_harness(tiny_gpt2_dir: Path) -> None:
    ours, theirs = numpy_of(tiny_gpt2_dir, "auto"), hf(name=str(tiny_gpt2_dir), device="cpu")
    names = ("name", "fingerprint", "vocab", "context", "eos", "device", "dtype", "token_bytes")
    assert {n: getattr(ours, n) for n in names} == {n: getattr(theirs, n) for n in names}
    assert ours.encode("the fox") == theirs.encode("the fox")
    assert ours.decode(PROMPTS[1]) == theirs.decode(PROMPTS[1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", ["s", "m"])
def test_the_pocket_models_are_those_of_the_torch_path(size: Size, dtype: Any) -> None:
    ours, theirs = pocket(size, dtype=dtype, backend="numpy"), pocket(size, device="cpu", dtype=dtype, packed=False)
    assert isinstance(ours, NumpyModel)
    prompts = [ours.encode(text) for text in TEXTS]
    (mine, my_cache), (found, cache) = (m.prefill(prompts, hidden=True) for m in (ours, theirs))
    for order in ([4, 1, 1, 0, 3, 2], [5, 4, 1], [2, 0, 0]):
        assert mine.hidden is not None
        assert found.hidden is not None
        torch.testing.assert_close(mine.logits, found.logits, rtol=0, atol=TOLERANCE[dtype])
        torch.testing.assert_close(mine.hidden[..., -1, :], found.hidden[..., -1, :], rtol=0, atol=TOLERANCE[dtype])
        for each in (my_cache, cache):
            each.select(torch.tensor(order))
        tokens = torch.arange(len(order)) * 31 + 40
        mine, found = ours.extend(tokens, my_cache, hidden=True), theirs.extend(tokens, cache, hidden=True)
    texts = [ours.encode(text * 3 + "!") for text in TEXTS]
    scores = [score_continuations(m, prompts, texts) for m in (ours, theirs)]
    for a, b in zip(*scores, strict=True):
        np.testing.assert_allclose(a.logprob, b.logprob, rtol=0, atol=TOLERANCE[dtype])
        np.testing.assert_allclose(a.entropy, b.entropy, rtol=0, atol=TOLERANCE[dtype])
    np.testing.assert_allclose(features(ours, texts), features(theirs, texts), rtol=0, atol=1e-4)


@pytest.mark.parametrize("least", [0, 12])
def test_prefill_is_each_prompt_alone(pair: tuple[NumpyModel, Any], least: int) -> None:
    ours, network = pair
    output, cache = ours.prefill(PROMPTS, hidden=True, least=least)
    assert output.hidden is not None
    assert len(cache) == 3
    assert output.hidden.shape[:2] == (3, max(9, least))
    for row, prompt in enumerate(PROMPTS):
        logits, hidden = alone(network, prompt)
        torch.testing.assert_close(output.logits[row], logits[-1], rtol=0, atol=1e-9)
        torch.testing.assert_close(output.hidden[row, -len(prompt) :], hidden, rtol=0, atol=1e-9)


def test_forward_is_each_sequence_alone(pair: tuple[NumpyModel, Any]) -> None:
    ours, network = pair
    wanted = [range(3), range(0), range(1)]
    found = ours.forward(PROMPTS, wanted)
    expected = [[values[at] for values in alone(network, p)] for p, at in zip(PROMPTS, wanted, strict=True)]
    for values, column in zip(found, zip(*expected, strict=True), strict=True):
        torch.testing.assert_close(values, torch.cat(column), rtol=0, atol=1e-9)


prompts_of = st.lists(st.lists(st.integers(0, 299), min_size=1, max_size=9), min_size=1, max_size=4)
operation = st.one_of(
    st.tuples(st.just("extend"), st.integers(0, 299)),
    st.tuples(st.just("select"), st.lists(st.integers(0, 99), max_size=7)),
    st.tuples(st.just("join"), prompts_of),
)


@pytest.mark.parametrize("least", [0, 10])
@settings(max_examples=20)
@given(
    prompts=prompts_of,
    operations=st.lists(operation, min_size=2, max_size=8),
    room=st.integers(0, 9),
    slack=st.sampled_from([1, 3, 64]),
    chunk=st.sampled_from([1, 13, 2048]),
)
def test_rows_are_each_row_alone(
    pair: tuple[NumpyModel, Any],
    least: int,
    prompts: Rows,
    operations: list[tuple[str, Any]],
    room: int,
    slack: int,
    chunk: int,
) -> None:
    """After any sequence of extend, select and join."""
    ours, network = pair
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpt2_numpy, "SLACK", slack)  # buffers are full after so many columns
        patch.setattr(numpy_model, "CHUNK", chunk)  # tokens of one pass of a prefill
        rows = prompts
        output, cache = ours.prefill(rows, room=room, least=least)
        check(network, rows, output.logits)
        for name, what in [*operations, ("extend", 5)]:
            if name == "extend":
                tokens = [(what + 37 * i) % 300 for i in range(len(rows))]
                rows = [[*row, t] for row, t in zip(rows, tokens, strict=True)]
                if rows:
                    check(network, rows, ours.extend(torch.tensor(tokens), cache).logits)
            elif name == "select":
                order = [i % len(rows) for i in what if rows]
                rows = [rows[i] for i in order]
                cache.select(torch.tensor(order, dtype=torch.long))
            else:
                cache.join(ours.prefill(what, least=least)[1])
                rows = rows + what
            assert len(cache) == len(rows)
            assert least or cache.past.width == max(map(len, rows), default=0)


def test_a_step_copies_nothing(pair: tuple[NumpyModel, Any]) -> None:
    ours, _ = pair
    _, cache = ours.prefill([[1, 2, 3], [4, 5], [6]], room=4)
    before = cache.past.keys
    cache.join(ours.prefill([[7]])[1])
    for order in ([0, 1, 2, 3], [3, 1, 2], [0, 0, 1, 2]):
        cache.select(torch.tensor(order))
    assert cache.past.keys is before


@pytest.mark.parametrize("sequences", [[[1] * 65, [2]], [[1], []], []])
def test_what_cannot_run_is_refused(pair: tuple[NumpyModel, Any], sequences: Rows) -> None:
    message = "context of 64 tokens; a text has 65" if sequences and len(sequences[0]) > 1 else "at least one token"
    with pytest.raises(InputError, match=message):
        pair[0].prefill(sequences)
    with pytest.raises(InputError, match=message):
        pair[0].forward(sequences, [range(len(s)) for s in sequences])


def test_decoding_fills_the_context(pair: tuple[NumpyModel, Any]) -> None:
    output, cache = pair[0].prefill([[1] * 62, [2] * 10])
    for _ in range(2):
        output = pair[0].extend(output.logits.argmax(-1), cache)
    assert output.logits.isfinite().all()


def asked(model: Any) -> list[Request]:
    """Every strategy of conf/strategy as its yaml stands, with two seeds; but DoLa, which needs the torch path."""
    return [
        Request(p, tuple(model.encode(p.text)), s, 6 + 5 * i, seed)
        for s in (build(option("strategy", name), "strategy") for name in options("strategy") if name != "dola")
        for i, p in enumerate(identified([(t, None) for t in TEXTS]))
        for seed in range(2 if s.stochastic else 1)
    ]


@pytest.mark.long
def test_every_strategy_gives_the_tokens_of_the_torch_path() -> None:
    models = pocket("s", dtype="float64", backend="numpy"), pocket("s", device="cpu", dtype="float64")
    requests = asked(models[0])
    ours, theirs = ({g.request: g for g in decode(m, requests, max_rows=24)} for m in models)
    assert len(ours) == len(theirs) == len(requests)
    for request, generation in ours.items():
        assert generation.tokens == theirs[request].tokens
        np.testing.assert_allclose(generation.values, theirs[request].values, rtol=1e-5, atol=1e-6)


def test_the_exact_engine_gives_the_same_bits_in_any_company() -> None:
    model = pocket("s", backend="numpy")
    requests = asked(model)[::2]
    found = {g.request: (g.tokens, g.values.tobytes()) for g in decode_exactly(model, requests, max_rows=16)}
    order = np.random.default_rng(0)
    for share in (0.5, 0.1):
        some = [requests[i] for i in order.permutation(len(requests))[: int(share * len(requests))]]
        again = {g.request: (g.tokens, g.values.tobytes()) for g in decode_exactly(model, some, max_rows=16)}
        assert again == {r: found[r] for r in some}


def test_another_backend_is_another_signature() -> None:
    knobs: dict[str, Any] = dict.fromkeys(("model", "prompts", "strategy", "dtype", "engine"), "x")
    knobs |= {"new": 1, "samples": 1, "seed": 0, "packed": False}
    plain = job_signature(**knobs)
    assert differing(plain, job_signature(**knobs, backend="torch")) == {}
    assert differing(plain, job_signature(**knobs, backend="numpy")) == {"backend": (None, "numpy")}
