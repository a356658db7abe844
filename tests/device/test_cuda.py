"""A GPU decodes what the CPU decodes. In float64, where rounding is far too small to turn a choice round."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from harness import load_strategy
from harness.draws import expand, uniforms
from harness.engine import Generation, Request, decode
from harness.models.loading import hf
from harness.models.scoring import features, score_continuations
from harness.prompts import identified

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and torch sees none here"),
]

TEXTS = ["the old fox", "a", "once upon a time there was a king who had", ""]
STRATEGIES = ["greedy", "top_p", "top_k", "beam", "beam_sample"]


def decoded(path: Path, device: str) -> list[Generation]:
    """The generations of all strategies in one call, in the order of strategies, prompts and seeds."""
    model = hf(name=str(path), device=device, dtype="float64")
    assert model.device.type == device
    prompts = identified((text, None) for text in TEXTS)
    requests = [
        Request(prompt, tuple(model.encode(prompt.text)), strategy, 16, seed)
        for strategy in map(load_strategy, STRATEGIES)
        for prompt in prompts
        for seed in range(3)
    ]
    place = {request: i for i, request in enumerate(requests)}
    return sorted(decode(model, requests), key=lambda generation: place[generation.request])


def test_every_strategy_gives_the_tokens_of_the_cpu(tiny_dir: Path) -> None:
    for gpu, cpu in zip(decoded(tiny_dir, "cuda"), decoded(tiny_dir, "cpu"), strict=True):
        assert (gpu.tokens, gpu.finish) == (cpu.tokens, cpu.finish), cpu.request
        np.testing.assert_allclose(gpu.values, cpu.values, rtol=1e-6, atol=1e-6)
        scores = [np.array(each.score, dtype=np.float64) for each in (gpu, cpu)]  # NaN for a strategy that has none
        np.testing.assert_allclose(scores[0], scores[1], rtol=1e-9)


def test_texts_score_and_look_as_on_the_cpu(tiny_dir: Path) -> None:
    gpu, cpu = (hf(name=str(tiny_dir), device=device, dtype="float64") for device in ("cuda", "cpu"))
    prompts, continuations = [[9, 40, 41], [5]], [[50, 60], [7, 8, 9]]
    for a, b in zip(*(score_continuations(m, prompts, continuations) for m in (gpu, cpu)), strict=True):
        np.testing.assert_allclose(a.logprob, b.logprob, rtol=1e-9)
        np.testing.assert_allclose(a.entropy, b.entropy, rtol=1e-9)
        np.testing.assert_array_equal(a.rank, b.rank)
    np.testing.assert_allclose(features(gpu, prompts), features(cpu, prompts), rtol=1e-5, atol=1e-5)


def test_draws_expand_to_the_same_bits() -> None:
    draws = torch.from_numpy(uniforms(0, "a prompt", 0, 4096))
    torch.testing.assert_close(expand(draws.cuda(), 300).cpu(), expand(draws, 300), rtol=0, atol=0)
