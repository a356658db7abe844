from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics.base import Tools
from harness.metrics.perplexity import Perplexity
from harness.stats import exp_ratio
from tests.corpora import corpus

TOOLS = Tools(references=None)
LOGPROBS = st.lists(st.lists(st.floats(-20, 0), max_size=8), min_size=1, max_size=6)


@given(LOGPROBS)
def test_it_weighs_tokens_alike_and_the_median_weighs_texts_alike(logprobs: list[list[float]]) -> None:
    corpus_level, median = Perplexity()(corpus([[0] * len(v) for v in logprobs], logprobs=logprobs), TOOLS)
    flat = [value for text in logprobs for value in text]
    per_text = [math.exp(-math.fsum(text) / len(text)) for text in logprobs if text]
    if not flat:
        assert np.isnan(corpus_level.value)
        assert np.isnan(median.value)
        return
    assert corpus_level.value == pytest.approx(math.exp(-math.fsum(flat) / len(flat)))
    assert median.value == pytest.approx(statistics.median(per_text))
    assert corpus_level.value >= 1
    assert corpus_level.items is not None
    np.testing.assert_allclose(corpus_level.items[~np.isnan(corpus_level.items)], per_text)


def test_a_uniform_model_has_the_perplexity_of_its_vocabulary() -> None:
    texts = corpus([[0] * 5, [0] * 50], logprobs=[[-math.log(4096)] * 5, [-math.log(4096)] * 50])
    assert [score.value for score in Perplexity()(texts, TOOLS)] == pytest.approx([4096, 4096])


def test_it_is_not_the_mean_of_perplexities() -> None:
    texts = corpus([[0], [0, 0, 0]], logprobs=[[-3.0], [-1.0, -1.0, -1.0]])
    score = Perplexity()(texts, TOOLS)[0]
    assert score.value == pytest.approx(math.exp(6 / 4))
    assert score.value != pytest.approx((math.exp(3) + math.e) / 2)


def test_the_closing_eos_counts_and_empty_texts_are_noted() -> None:
    texts = corpus([[0, 0], [], []], logprobs=[[-1.0, -1.0, -4.0], [-2.0], []], ends=["eos", "eos", "length"])
    corpus_level, median = Perplexity()(texts, TOOLS)
    assert corpus_level.value == pytest.approx(math.exp(8 / 4))
    assert median.value == pytest.approx((math.exp(2) + math.exp(2)) / 2)
    assert corpus_level.notes == median.notes == ("1 of 3 texts have no value",)
    assert median.combine == "median"


def test_the_value_is_what_its_stats_combine_to() -> None:
    score = Perplexity()(corpus([[0], [0]], logprobs=[[-1.0], [-2.5]]), TOOLS)[0]
    assert score.stats is not None
    assert score.combine == "exp-ratio"
    assert float(exp_ratio(score.stats.sum(axis=0))) == pytest.approx(score.value)
    assert exp_ratio(np.stack([score.stats, score.stats])).shape == (2, 2)


def test_no_texts() -> None:
    assert all(np.isnan(score.value) for score in Perplexity()(corpus([]), TOOLS))
