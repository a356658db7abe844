"""Through `model=hf model.name=DIR`: the tokens of `generate` on three architectures, in one ragged batch."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from harness.engine import Generation, Request, decode
from harness.models.base import LanguageModel
from harness.models.loading import hf
from harness.prompts import identified
from harness.strategies.base import Strategy
from harness.strategies.beam import beam
from harness.strategies.beam_sample import beam_sample
from harness.strategies.sampling import greedy, sample

TEXTS = (
    "the fox",
    "once upon a time there was a king who",
    "a",
    "the youngest of them went out",
    "crow",
    "wide world of the old",
)
NEW = 16


@pytest.fixture
def model(tiny_dir: Path) -> LanguageModel:
    return hf(str(tiny_dir), dtype="float64")


@pytest.fixture
def theirs(tiny_dir: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(tiny_dir, dtype=torch.float64).eval()


def ours(model: LanguageModel, strategies: Sequence[Strategy[Any]]) -> dict[tuple[int, int], Generation]:
    """Everything in one batch: by (strategy, prompt)."""
    prompts = identified([(t, None) for t in TEXTS])
    asked = {
        Request(p, tuple(model.encode(p.text)), s, NEW): (i, j)
        for i, s in enumerate(strategies)
        for j, p in enumerate(prompts)
    }
    return {asked[g.request]: g for g in decode(model, list(asked))}


def generate(theirs: Any, prompt: Sequence[int], eos: Sequence[int], **how: Any) -> tuple[int, ...]:
    """transformers on one prompt alone, cut after its first eos."""
    ids = torch.tensor([prompt])
    out = theirs.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=NEW,
        eos_token_id=list(eos) or None,
        pad_token_id=0,
        do_sample=False,
        **how,
    )[0, len(prompt) :].tolist()
    ends = [i for i, t in enumerate(out) if t in eos]
    return tuple(out[: ends[0] + 1] if ends else out)


def frequent(found: Mapping[Any, Generation]) -> list[int]:
    """Two tokens that occur in many continuations, and late enough for something to come before them."""
    counts = Counter(t for g in found.values() for t in set(g.tokens[3:]))
    return [t for t, _ in counts.most_common(2)]


@pytest.mark.parametrize("with_eos", [False, True])
def test_greedy_and_beam_are_those_of_transformers(model: Any, theirs: Any, with_eos: bool) -> None:
    penalised: list[dict[str, Any]] = [{"repetition_penalty": r} for r in (1.0, 1.3)]
    searched: list[dict[str, Any]] = [
        {"num_beams": w, "length_penalty": lp, "early_stopping": early}
        for w, lp, early in [
            *itertools.product((2, 3, 5), (0.5, 1.0, 2.0), (False,)),
            (3, 1.0, True),
            (3, 1.0, "never"),
        ]
    ]
    model.eos = frozenset()
    strategies: list[Strategy[Any]] = [*(greedy(**k) for k in penalised), *(beam(**k) for k in searched)]
    if with_eos:
        model.eos = frozenset(frequent(ours(model, strategies[:1])))
    found = ours(model, strategies)
    for (i, j), generation in found.items():
        how = [*penalised, *searched][i]
        assert generation.tokens == generate(theirs, model.encode(TEXTS[j]), sorted(model.eos), **how), (how, TEXTS[j])
    ended = sum(g.finish == "eos" for g in found.values())
    assert (ended > len(found) // 4) == with_eos


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"temperature": 0.7},
        {"temperature": 1.8},
        {"top_k": 10},
        {"top_p": 0.8},
        {"repetition_penalty": 1.5},
        {"repetition_penalty": 1.2, "temperature": 0.8, "top_k": 40, "top_p": 0.9},
    ],
    ids=str,
)
def test_sampling_has_the_distribution_of_transformers(model: Any, theirs: Any, knobs: dict[str, Any]) -> None:
    """At every step of our own texts: the log-probability of the token, the size and the mass of the kept set."""
    processors = {
        "repetition_penalty": RepetitionPenaltyLogitsProcessor,
        "temperature": TemperatureLogitsWarper,
        "top_k": TopKLogitsWarper,
        "top_p": TopPLogitsWarper,
    }
    chained = LogitsProcessorList([processors[name](knobs[name]) for name in processors if name in knobs])
    for (_, j), generation in ours(model, [sample(**knobs)]).items():
        prompt = model.encode(TEXTS[j])
        ids = torch.tensor([[*prompt, *generation.tokens]])
        with torch.no_grad():
            logits = theirs(ids).logits[0, len(prompt) - 1 : -1]
        for step, token in enumerate(generation.tokens):
            raw = logits[step : step + 1]
            processed = chained(ids[:, : len(prompt) + step], raw.clone())
            expected = [
                raw.log_softmax(-1)[0, token],
                processed.log_softmax(-1)[0, token],
                -(raw.softmax(-1) * raw.log_softmax(-1)).sum(),
                (processed > -torch.inf).sum(),
                raw.softmax(-1)[processed > -torch.inf].sum(),
                (raw > raw[0, token]).sum(),
                raw.topk(2).values[0].diff().neg(),
            ]
            np.testing.assert_allclose(generation.values[step], [float(x) for x in expected], rtol=1e-6, atol=1e-6)


def test_beam_sample_at_temperature_zero_is_the_beam_search_of_transformers(model: Any, theirs: Any) -> None:
    for (_, j), generation in ours(model, [beam_sample(num_beams=3, temperature=0.0)]).items():
        assert generation.tokens == generate(theirs, model.encode(TEXTS[j]), sorted(model.eos), num_beams=3)
