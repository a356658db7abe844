"""Decoding as papers write it: one text, whole forward passes without a cache, and a score for every token."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.draws import uniforms
from harness.engine import Request, decode
from harness.exact import decode_exactly
from harness.models.base import LanguageModel
from harness.prompts import identified
from harness.strategies.base import Strategy

TEXTS = ["the", "a cat sat on", "Once upon a time there was a king, and"]
Score = Callable[[list[int], list[int]], Tensor]  # (prompt, continuation) -> [vocab], -inf: impossible


def by_hand(
    prompt: list[int], score: Score, new: int, eos: Iterable[int], temperature: float, draws: Any
) -> tuple[int, ...]:
    """A continuation: the best score, or a draw from the softmax of the scores sorted by falling probability."""
    text: list[int] = []
    while len(text) < new and not (text and text[-1] in eos):
        scores = score(prompt, text).double().numpy()
        if temperature == 0:
            text.append(int(scores.argmax()))
            continue
        order = np.argsort(-scores, kind="stable")
        weights = np.exp((scores[order] - scores.max()) / temperature)
        ends = weights.cumsum()
        text.append(int(order[np.searchsorted(ends, draws[len(text)] * ends[-1], side="right")]))
    return tuple(text)


@torch.no_grad()
def agree(model: LanguageModel, strategy: Strategy[Any], score: Score, temperature: float, new: int = 6) -> None:
    """Assert that both engines give the tokens of the loop, for prompts of several lengths decoded together."""
    prompts = identified([(t, None) for t in TEXTS])
    seeds = (0, 1) if strategy.stochastic else (0,)
    asked = [Request(p, tuple(model.encode(p.text)), strategy, new, seed) for p in prompts for seed in seeds]
    expected = [
        by_hand(list(r.tokens), score, new, model.eos, temperature, uniforms(r.seed, r.prompt.id, 0, new, 0))
        for r in asked
    ]
    assert len(set(expected)) > 1
    for engine in (decode, decode_exactly):
        found = {g.request: g.tokens for g in engine(model, asked)}
        assert [found[r] for r in asked] == expected
