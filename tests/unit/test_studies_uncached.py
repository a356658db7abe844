"""A model without a memory: with the right attention the cached one, with a wrong one what its prefixes alone give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from harness.engine import Request, decode
from harness.errors import InputError
from harness.models.gpt2_numpy import GPT2, Attention
from harness.models.loading import hf
from harness.models.numpy_model import NumpyModel
from harness.prompts import identified
from harness.strategies.beam import beam
from harness.strategies.sampling import sample
from harness.studies import uncached
from harness.studies.uncached import Uncached
from harness.studies.wrong_attention import WRONG, attention

PROMPTS = [[9, 40, 41], [5, 6, 7, 8, 9, 10], [200], [1, 2, 3]]


@pytest.fixture(scope="module")
def cached(tiny_gpt2_dir: Path) -> NumpyModel:
    model = hf(name=str(tiny_gpt2_dir), dtype="float64", backend="numpy")
    assert isinstance(model, NumpyModel)
    return model


def test_with_the_right_attention_nothing_changes(cached: NumpyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uncached, "CHUNK", 7)
    plain = Uncached(cached, Attention(), "plain")
    assert (plain.name, plain.fingerprint, plain.eos) == ("plain", cached.fingerprint, cached.eos)
    (a, x), (b, y) = plain.prefill(PROMPTS, hidden=True), cached.prefill(PROMPTS, hidden=True)
    torch.testing.assert_close(a.logits, b.logits, rtol=0, atol=1e-10)
    assert a.hidden is not None
    assert b.hidden is not None
    for row, prompt in enumerate(PROMPTS):
        torch.testing.assert_close(a.hidden[row, -len(prompt) :], b.hidden[row, -len(prompt) :], rtol=0, atol=1e-10)
    x.select(torch.tensor([2, 1, 1]))
    y.select(torch.tensor([2, 1, 1]))
    mine, theirs = (m.extend(torch.tensor([4, 5, 6]), c, hidden=True) for m, c in ((plain, x), (cached, y)))
    torch.testing.assert_close(mine.logits, theirs.logits, rtol=0, atol=1e-10)
    torch.testing.assert_close(mine.hidden, theirs.hidden, rtol=0, atol=1e-10)
    wanted = [range(1, 3), range(6), range(0), range(2, 3)]
    for values, expected in zip(plain.forward(PROMPTS, wanted), cached.forward(PROMPTS, wanted), strict=True):
        torch.testing.assert_close(values, expected, rtol=0, atol=1e-10)


def test_the_engine_decodes_with_it(cached: NumpyModel) -> None:
    requests = [
        Request(p, tuple(cached.encode(p.text)), s, 5 + i, 0)
        for s in (sample(), beam(num_beams=3))
        for i, p in enumerate(identified([(t, None) for t in ("the fox", "a", "the old crow said")]))
    ]
    models = Uncached(cached, Attention(), "plain"), cached
    ours, theirs = ({g.request: g.tokens for g in decode(m, requests, max_rows=6)} for m in models)
    assert ours == theirs


def test_no_position_sees_the_token_it_is_asked_for(cached: NumpyModel) -> None:
    """Scored as one text, the wrong attention would; each row is that of a network given the prefix alone."""
    wrong = Uncached(cached, attention(WRONG), "wrong")
    network = GPT2(cached.gpt2.weights, cached.gpt2.heads, attention=attention(WRONG))
    text = PROMPTS[1]
    logits, _ = wrong.forward([text, [7]], [range(6), range(1)])
    for t in range(6):
        expected = network.logits(network.states(np.array([text[: t + 1]]))[0, -1:])
        np.testing.assert_allclose(logits[t : t + 1], expected, rtol=0, atol=1e-10)
    at_once = network.logits(network.states(np.array([text]))[0])
    assert np.abs(at_once - logits[:6].numpy())[1:-1].max() > 0.1
    first, cache = wrong.prefill([text[:5], [7]])
    np.testing.assert_allclose(first.logits[0], logits[4], rtol=0, atol=1e-10)
    np.testing.assert_allclose(wrong.extend(torch.tensor([text[5], 8]), cache).logits[0], logits[5], rtol=0, atol=1e-10)


def test_what_cannot_run_is_refused(cached: NumpyModel) -> None:
    wrong = Uncached(cached, attention(WRONG), "wrong")
    _, cache = wrong.prefill([[1] * 64])
    with pytest.raises(InputError, match="wrong: has a context of 64 tokens; a text has 65"):
        wrong.extend(torch.tensor([1]), cache)
