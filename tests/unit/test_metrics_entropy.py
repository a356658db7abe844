from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import harness
from harness.errors import InputError
from harness.metrics.base import Corpus, Tools
from harness.metrics.entropy import Entropy
from tests.corpora import corpus

TOOLS = Tools(references=None)


@given(st.lists(st.lists(st.floats(0, 12), max_size=8), min_size=1, max_size=6))
def test_every_token_weighs_the_same(values: list[list[float]]) -> None:
    given = corpus([[0] * len(v) for v in values], logprobs=values)  # entropy and logprob are the same there
    (score,) = Entropy()(given, TOOLS)
    flat = [value for text in values for value in text]
    assert score.value == pytest.approx(math.fsum(flat) / len(flat) if flat else np.nan, nan_ok=True)
    assert score.items is not None
    means = np.array([math.fsum(text) / len(text) if text else math.nan for text in values])
    np.testing.assert_allclose(score.items, means, atol=1e-300)
    (twice,) = Entropy()(corpus([[0] * len(v) for v in values] * 2, logprobs=[*values, *values]), TOOLS)
    assert twice.value == pytest.approx(score.value, nan_ok=True)


def test_under_plain_sampling_it_is_the_log_of_the_perplexity_and_under_greedy_above_it() -> None:
    model = harness.load_model("pocket-s")
    prompts = harness.load_prompts(limit=96)
    found = harness.decode(model, prompts, ["sample", "greedy"], max_new_tokens=32)
    table = harness.compare(harness.score(found, metrics=["entropy", "perplexity"]))
    above = table["entropy"] - np.log(table["perplexity"])
    assert abs(above["sample"]) < 0.1
    assert above["greedy"] > 0.3


def test_texts_from_elsewhere_have_none() -> None:
    with pytest.raises(InputError, match=r"metrics\.entropy needs the entropy of every token"):
        Entropy()(Corpus(["p"], [""], ["a"], ["unknown"]), TOOLS)
