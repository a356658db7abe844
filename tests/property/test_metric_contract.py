"""What every metric in conf/metrics keeps to, whoever wrote it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.errors import InputError
from harness.evidence import evidence
from harness.jackknife import groups
from harness.loaders import load_metric
from harness.metrics.base import Corpus, Metric, Score, Scored, Tools
from harness.signature import comparable, parse
from harness.stats import number

CONF = Path(__file__).parents[2] / "conf" / "metrics"
NAMES = sorted(path.stem for path in CONF.glob("*.yaml"))

WORDS = ["the", "fox", "ran", "naïve", "日本", "👩‍👩‍👧", "…", "\u200b", "A", "a"]
TEXTS = st.lists(st.lists(st.integers(0, len(WORDS) - 1), max_size=9) | st.just([3] * 30), min_size=1, max_size=12)


def corpus(tokens: Sequence[Sequence[int]], samples: int = 1) -> Corpus:
    """Texts with all the values that a generation has, each decided by the text alone."""
    rngs = [np.random.default_rng([7, *text]) for text in tokens]
    values: dict[str, list[NDArray[np.float64]]] = {
        name: [rng.random(len(text)) for rng, text in zip(rngs, tokens, strict=True)]
        for name in ("entropy", "kept_mass", "gap")
    }
    values["logprob"] = [-rng.random(len(text)) for rng, text in zip(rngs, tokens, strict=True)]
    values["kept"] = values["rank"] = [np.ones(len(text)) for text in tokens]
    return Corpus(
        prompt_ids=[f"p{i // samples}" for i in range(len(tokens))],
        prompts=["Once"] * len(tokens),
        texts=[decode(text) for text in tokens],
        tokens=[list(text) for text in tokens],
        values=values,
        ends=["length"] * len(tokens),
    )


def decode(tokens: Sequence[int]) -> str:
    return " ".join(WORDS[token] for token in tokens)


def shuffled(given: Corpus, order: Sequence[int]) -> Corpus:
    def some(column: Sequence[Any]) -> list[Any]:
        return [column[i] for i in order]

    tokens = given.ids("the test")
    return Corpus(
        some(given.prompt_ids),
        some(given.prompts),
        some(given.texts),
        some(given.ends),
        some(tokens),
        {name: some(column) for name, column in given.values.items()},
    )


def tools(references: Corpus | None = None) -> Tools:
    def features(given: Corpus) -> NDArray[np.float32]:
        rows = [np.random.default_rng([len(t), *t.encode()]).normal(size=4) for t in given.texts]
        return np.array(rows, dtype=np.float32).reshape(len(given.texts), 4)

    def scorer(name: str, given: Corpus) -> Scored:
        return Scored(given.per_token("logprob", name), f"{name}@0")

    return Tools(references, features, "made up", decode, scorer)


@cache
def metric_of(name: str) -> Metric:
    """Built once: composing a yaml takes longer than measuring these texts."""
    return load_metric(name)


def measured(name: str, given: Corpus, references: Corpus | None = None) -> list[Score]:
    return metric_of(name)(given, tools(references))


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@settings(max_examples=40)
@given(tokens=TEXTS, order=st.randoms(use_true_random=False), samples=st.sampled_from([1, 2]))
def test_the_order_of_the_texts_does_not_matter(name: str, tokens: list[list[int]], order: Any, samples: int) -> None:
    texts = corpus(tokens, samples)
    places = order.sample(range(len(tokens)), len(tokens))
    before, after = measured(name, texts), measured(name, shuffled(texts, places))
    assert [s.name for s in before] == [s.name for s in after]
    for a, b in zip(before, after, strict=True):
        assert b.value == pytest.approx(a.value, rel=1e-9, abs=1e-12, nan_ok=True), a.name
        assert b.signature == a.signature
        if a.items is not None and b.items is not None:
            np.testing.assert_allclose(b.items, a.items[places], rtol=1e-9)
        if a.left_out is not None and b.left_out is not None:
            np.testing.assert_allclose(b.left_out, a.left_out, rtol=1e-9)


@settings(max_examples=40)
@given(tokens=TEXTS, samples=st.sampled_from([1, 3]))
def test_a_score_is_what_its_evidence_makes(name: str, tokens: list[list[int]], samples: int) -> None:
    texts = corpus(tokens, samples)
    for score in measured(name, texts):
        assert parse(score.signature)["name"]
        assert parse(score.signature)["v"]
        assert score.items is None or len(score.items) == len(tokens)
        if score.stats is not None:
            assert score.combine is not None
            assert len(score.stats) == len(tokens)
            assert number(score.stats, score.combine) == pytest.approx(score.value, rel=1e-9, nan_ok=True)
        if score.left_out is not None:
            assert score.stats is None
            assert len(score.left_out) == groups(texts.prompt_ids).max() + 1
        basis = evidence(score, texts.prompt_ids)
        if basis is not None:
            interval = basis.interval()
            assert interval.method
            assert math.isnan(interval.low) or interval.low <= interval.high


@settings(max_examples=40)
@given(tokens=TEXTS)
def test_a_score_knows_its_range(name: str, tokens: list[list[int]]) -> None:
    """Which some intervals would leave: of a mean of few texts, or a jackknife's. A share's and a median's do not."""
    for score in measured(name, corpus(tokens)):
        if score.left_out is None and score.combine in (None, "share", "median", "exp-ratio"):
            continue
        least, most = score.bounds
        assert least > -math.inf or most < math.inf, score.name
        values = [score.value] if score.items is None else [score.value, *score.items]
        assert all(math.isnan(value) or least - 1e-9 <= value <= most + 1e-9 for value in values), score.name


@settings(max_examples=40)
@given(tokens=TEXTS, samples=st.sampled_from([1, 2]))
def test_what_is_left_out_is_as_if_it_had_never_been_there(name: str, tokens: list[list[int]], samples: int) -> None:
    if name == "mauve":  # its clusters stay as they are
        return
    texts = corpus(tokens, samples)
    group = groups(texts.prompt_ids)
    for place, score in enumerate(measured(name, texts)):
        if score.left_out is None:
            continue
        for left, value in enumerate(score.left_out):
            rest = texts.take([int(i) for i in np.flatnonzero(group != left)])
            alone = measured(name, rest)[place].value if rest.texts else math.nan
            assert value == pytest.approx(alone, rel=1e-9, abs=1e-12, nan_ok=True), score.name


def test_texts_that_nobody_tokenised_are_measured_or_refused(name: str) -> None:
    texts = replace(corpus([[0, 1, 2], [1, 1, 1, 1, 1, 1]]), tokens=None, values={}, ends=["unknown"] * 2)
    if hasattr(metric_of(name), "unit"):
        assert load_metric(name, unit="words")(texts, tools())
    else:
        with suppress(InputError):  # a sentence for the user, and nothing else
            metric_of(name)(texts, tools())


def test_two_lengths_of_texts_or_numbers_of_texts_are_told_apart_where_it_matters(name: str) -> None:
    """A measure of a whole corpus has the number of texts in its signature, or does not depend on it."""
    few, many = corpus([[0, 1, 2, 3]] * 4), corpus([[0, 1, 2, 3]] * 8)
    for a, b in zip(measured(name, few), measured(name, many), strict=True):
        if a.value != pytest.approx(b.value, nan_ok=True):
            assert not comparable(a.signature, b.signature), a.name


def test_the_longest_text_is_chance_and_the_limit_is_not(name: str) -> None:
    """Of two strategies under one limit the longest texts differ: their numbers may be compared all the same."""
    one, other = (replace(corpus([[0, 1, 2, 3], text] * 8), limit=9) for text in ([0, 1], [0, 1, 2, 3, 4, 5]))
    for a, b in zip(measured(name, one), measured(name, other), strict=True):
        assert comparable(a.signature, b.signature), a.name
    for a, b in zip(measured(name, one), measured(name, replace(one, limit=5)), strict=True):
        assert name in ("mauve", "compression") or not comparable(a.signature, b.signature), a.name


def test_texts_of_two_readers_are_told_apart(name: str) -> None:
    one, other = (replace(corpus([[0, 1, 2, 3]] * 8), reader=reader) for reader in ("a@1", "b@2"))
    for a, b in zip(measured(name, one), measured(name, other), strict=True):
        assert a.name == "eos-share" or name in ("mauve", "compression") or not comparable(a.signature, b.signature)


def test_nothing_is_changed_that_was_given(name: str) -> None:
    tokens = [[0, 1, 2, 0, 1, 2], [3], []]
    texts = corpus(tokens)
    measured(name, texts)
    assert texts.tokens == tokens
    assert list(texts.texts) == [decode(text) for text in tokens]


def test_references_are_measured_too(name: str) -> None:
    human = replace(corpus([[0, 1, 2], [2, 1]]), ends=["reference"] * 2)
    assert isinstance(metric_of(name), Metric)
    for score in measured(name, human, human):
        assert score.name in {s.name for s in measured(name, corpus([[0, 1, 2], [2, 1]]), human)}
