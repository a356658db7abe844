from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import harness
from harness.errors import InputError
from harness.metrics.base import Corpus, Tools
from harness.metrics.near_ties import NearTies
from harness.signature import comparable
from tests.corpora import corpus

TOOLS = Tools(references=None)


def gaps(texts: list[list[float]]) -> Corpus:
    return replace(corpus([[0] * len(text) for text in texts]), values={"gap": [np.array(text) for text in texts]})


@given(st.lists(st.lists(st.floats(0, 2e-3) | st.just(float("inf")), max_size=8), min_size=1, max_size=6))
def test_it_is_the_share_of_tokens_below_epsilon(texts: list[list[float]]) -> None:
    flat = np.array([gap for text in texts for gap in text])
    (score,) = NearTies()(gaps(texts), TOOLS)
    assert score.value == pytest.approx(np.mean(flat < 1e-3) if len(flat) else np.nan, nan_ok=True)
    (twice,) = NearTies()(gaps([*texts, *texts]), TOOLS)
    assert twice.value == pytest.approx(score.value, nan_ok=True)


def test_epsilon_is_in_the_signature() -> None:
    (a,), (b,) = (NearTies(epsilon=e)(gaps([[0.1, 0.5]]), TOOLS) for e in (0.01, 0.2))
    assert (a.value, b.value) == (0.0, 0.5)
    assert not comparable(a.signature, b.signature)
    with pytest.raises(InputError, match="epsilon"):
        NearTies(epsilon=0.0)


def test_logits_of_a_batch_and_of_a_single_text_are_far_closer_than_epsilon() -> None:
    model = harness.load_model("pocket-m")
    prompts = [model.encode(p.text) for p in harness.load_prompts(limit=32)]
    together = model.prefill(prompts)[0].logits
    alone = torch.cat([model.prefill([p])[0].logits for p in prompts])
    assert 0 < (together - alone).abs().max() < NearTies().epsilon / 10


def test_texts_from_elsewhere_have_none() -> None:
    with pytest.raises(InputError, match=r"metrics\.near_ties needs the gap of every token"):
        NearTies()(Corpus(["p"], [""], ["a"], ["unknown"]), TOOLS)
