from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.metrics.base import Corpus, Scored, Tools
from harness.metrics.perplexity import Perplexity
from harness.signature import comparable, parse
from harness.stats import exp_ratio
from tests.corpora import corpus

TOOLS = Tools(references=None)
LOGPROBS = st.lists(st.lists(st.floats(-20, 0), max_size=8), min_size=1, max_size=6)


def reading(logprobs: Sequence[Sequence[float]]) -> Tools:
    """Tools whose scorer finds these log-probabilities, in tokens of its own."""
    columns = [np.array(each, dtype=np.float64) for each in logprobs]
    return Tools(None, scorer=lambda name, corpus: Scored(columns, f"{name}@123"))


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


@given(LOGPROBS)
def test_a_corpus_twice_has_the_perplexity_of_the_corpus(logprobs: list[list[float]]) -> None:
    given = corpus([[0] * len(v) for v in logprobs], logprobs=logprobs)
    twice = corpus([[0] * len(v) for v in logprobs] * 2, logprobs=[*logprobs, *logprobs])
    for a, b in zip(Perplexity()(given, TOOLS), Perplexity()(twice, TOOLS), strict=True):
        assert a.value == pytest.approx(b.value, nan_ok=True)


def test_a_uniform_model_has_the_perplexity_of_its_vocabulary() -> None:
    texts = corpus([[0] * 5, [0] * 100_000], logprobs=[[-math.log(4096)] * 5, [-math.log(4096)] * 100_000])
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


def test_other_scorers_stand_beside_the_generator() -> None:
    texts = corpus([[0, 0], [0]], texts=["aé", "日本 b"], logprobs=[[-1.0, -1.0], [-2.0]])
    tools = reading([[-3.0], [-1.0, -2.0, -3.0]])
    scores = Perplexity(scorers=("generator", "gpt2", "generator", "gpt2-xl"))(texts, tools)
    of = ("perplexity", "perplexity-median", "bits-per-byte")
    assert [s.name for s in scores] == [*of[:2], *(f"{name}[{who}]" for who in ("gpt2", "gpt2-xl") for name in of)]
    by_name = {score.name: score for score in scores}
    assert by_name["perplexity"].value == pytest.approx(math.exp(4 / 3))
    assert by_name["perplexity[gpt2]"].value == pytest.approx(math.exp(9 / 4))
    assert by_name["perplexity-median[gpt2]"].value == pytest.approx((math.exp(3) + math.exp(2)) / 2)
    bits = by_name["bits-per-byte[gpt2]"]
    assert bits.value == pytest.approx(9 / math.log(2) / (3 + 8))
    assert bits.items is not None
    np.testing.assert_allclose(bits.items, [3 / math.log(2) / 3, 6 / math.log(2) / 8])


def test_a_model_that_knows_nothing_of_bytes_needs_eight_bits_for_each_whatever_its_tokens() -> None:
    texts = corpus(texts=["héllo", "日本", ""])
    for per_token in (1, 2):  # so many bytes in a token
        sizes = [len(text.encode()) // per_token for text in texts.texts]
        tools = reading([[-per_token * math.log(256)] * n for n in sizes])
        score = Perplexity(scorers=("gpt2",))(texts, tools)[2]
        assert score.value == pytest.approx(8)
        assert score.notes == ("1 of 3 texts have no value",)


def test_scorers_are_told_apart_and_say_who_they_are() -> None:
    texts = corpus([[0], [0]], logprobs=[[-1.0], [-2.0]])
    scores = Perplexity(scorers=("generator", "gpt2"))(texts, reading([[-1.0], [-2.0]]))
    own, _, other, _, bits = scores
    assert parse(own.signature)["scorer"] == "generator"
    assert parse(own.signature)["eos"] == "yes"
    assert parse(other.signature)["scorer"] == "gpt2@123"
    assert parse(other.signature)["eos"] == "no"
    assert parse(bits.signature)["unit"] == "utf-8-bytes"
    assert not any(comparable(a.signature, b.signature) for a in scores for b in scores if a is not b)


def test_what_it_cannot_read_is_refused() -> None:
    foreign = Corpus(["p"], ["a"], ["b"], ["unknown"])
    with pytest.raises(InputError, match=r"metrics\.perplexity needs the logprob of every token"):
        Perplexity()(foreign, TOOLS)
    with pytest.raises(InputError, match=r"metrics\.perplexity wants gpt2 to read the texts"):
        Perplexity(scorers=("gpt2",))(foreign, TOOLS)
    with pytest.raises(InputError, match="scorers"):
        Perplexity(scorers=())
