"""The distance from the references: the same prompts, as many texts, equal lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import ClassVar, Literal

import numpy as np
import pytest

from harness.gap import HumanGap, matched, paired
from harness.measure import measure, record
from harness.metrics.base import Corpus, Metric, Score, Tools, mean_of
from harness.metrics.repetition import Repetition
from tests.corpora import corpus


def decode(tokens: Sequence[int]) -> str:
    return "".join(chr(97 + token) for token in tokens)


def named(given: Corpus, ids: Sequence[str]) -> Corpus:
    return replace(given, prompt_ids=list(ids))


def human(tokens: Sequence[Sequence[int]], ids: Sequence[str]) -> Corpus:
    return named(corpus(tokens, ends=["reference"] * len(tokens)), ids)


def test_pairs_are_cut_to_the_shorter_text() -> None:
    ours = named(corpus([[1, 2, 3, 4], [5], []]), "abc")
    theirs = human([[6, 7], [8, 9, 1], [2]], "abc")
    left, right = matched(ours, theirs, decode)
    assert left.tokens == [[1, 2], [5], []]
    assert right.tokens == [[6, 7], [8], []]
    assert left.texts == ["bc", "f", ""]
    assert [len(v) for v in right.values["logprob"]] == [2, 1, 0]


def test_one_text_of_each_prompt_that_has_a_reference() -> None:
    ours = named(corpus([[1], [2], [3], [4]]), ["b", "a", "b", "x"])
    theirs = human([[5], [6], [7]], ["a", "b", "c"])
    left, right = paired(ours, theirs)
    assert (left.prompt_ids, left.tokens) == (["b", "a"], [[1], [2]])
    assert (right.prompt_ids, right.tokens) == (["b", "a"], [[6], [5]])


def test_what_needs_no_cut_is_the_very_object() -> None:
    ours, theirs = named(corpus([[1, 2], [3]]), "ab"), human([[4, 5], [6]], "ab")
    left, right = matched(ours, theirs, decode)
    assert left is ours
    assert right is theirs


def test_the_closing_eos_is_left_out() -> None:
    ours = named(corpus([[1, 2]], logprobs=[[-1.0, -2.0, -9.0]], ends=["eos"]), "a")
    left, _ = matched(ours, human([[4, 5, 6]], "a"), decode)
    assert left.tokens == [[1, 2]]
    assert left.values["logprob"][0].tolist() == [-1.0, -2.0]


def test_texts_without_tokens_are_cut_by_words() -> None:
    ours = replace(named(corpus(texts=["one two  three", "four"]), "ab"), tokens=None, values={})
    theirs = replace(human([[1], [2]], "ab"), texts=["five six", " seven eight"], tokens=None, values={})
    left, right = matched(ours, theirs, None)
    assert list(left.texts) == ["one two", "four"]
    assert list(right.texts) == ["five six", "seven"]


def test_tokens_that_nobody_can_decode_are_not_cut() -> None:
    left, right = matched(named(corpus([[1, 2]]), "a"), human([[3]], "a"), None)
    assert (left.texts, right.texts) == ([], [])


@dataclass(frozen=True)
class Tokens(Metric):
    """The mean length, and how often it was asked for."""

    gap: ClassVar[Literal["matched", "plain", "none"]] = "plain"
    asked: list[int] = field(default_factory=list, compare=False)

    def __post_init__(self) -> None:
        """Nothing to check."""

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        self.asked.append(len(corpus.texts))
        lengths = np.array([len(t) for t in corpus.ids("the test")], dtype=np.float64)
        return [mean_of("length", lengths, "reference", "length|v:1")]


class Matched(Tokens):
    """The same on texts of equal length."""

    gap: ClassVar[Literal["matched", "plain", "none"]] = "matched"


def gap_of(metrics: Sequence[Metric], references: Corpus) -> tuple[HumanGap, Tools]:
    tools = Tools(references, decode=decode)
    return HumanGap(references, measure(references, metrics, tools), metrics, tools), tools


def test_gaps_are_those_of_the_cut_texts() -> None:
    rng = np.random.default_rng(0)
    ids = [f"p{i}" for i in range(40)]
    ours = named(corpus([rng.integers(3, size=rng.integers(4, 30)).tolist() for _ in ids]), ids)
    theirs = human([rng.integers(9, size=rng.integers(4, 30)).tolist() for _ in ids], ids)
    metrics = [Repetition(sizes=(2,)), Tokens()]
    gap, tools = gap_of(metrics, theirs)
    found = gap(ours, measure(ours, metrics, tools))

    def rep(tokens: Sequence[int]) -> float:
        pairs = list(pairwise(tokens))
        return 1 - len(set(pairs)) / len(pairs)

    both = list(zip(ours.ids(""), theirs.ids(""), strict=True))
    expected = np.mean([rep(a[: len(b)]) - rep(b[: len(a)]) for a, b in both])
    assert found["rep-2"].value == pytest.approx(expected)
    assert found["rep-2"].low < expected < found["rep-2"].high
    assert found["rep-2"].p < 0.01
    assert found["length"].value == pytest.approx(np.mean([len(a) - len(b) for a, b in both]))


def test_texts_that_need_no_cut_are_measured_once() -> None:
    ids = [f"p{i}" for i in range(5)]
    metrics = [Matched()]
    theirs = human([[1, 2]] * 5, ids)
    gap, tools = gap_of(metrics, theirs)
    for ours in (named(corpus([[3, 4]] * 5), ids), named(corpus([[3, 4, 5]] * 5), ids)):
        gap(ours, measure(ours, metrics, tools))
    # references, the first job, the second job; then its texts cut
    assert len(metrics[0].asked) == 4


def test_the_references_of_some_lengths_are_measured_once() -> None:
    ids = [f"p{i}" for i in range(5)]
    metrics = [Matched()]
    theirs = human([[1, 2]] * 5, ids)
    gap, tools = gap_of(metrics, theirs)
    for token in (3, 4):
        ours = named(corpus([[token]] * 5), ids)
        gap(ours, measure(ours, metrics, tools))
    assert len(metrics[0].asked) == 1 + 2 + 1  # references, two jobs, references cut to one token


def test_equal_texts_have_no_gap() -> None:
    ids = [f"p{i}" for i in range(30)]
    rng = np.random.default_rng(1)
    tokens = [rng.integers(4, size=12).tolist() for _ in ids]
    metrics = [Repetition(sizes=(1,))]
    gap, tools = gap_of(metrics, human(tokens, ids))
    ours = named(corpus(tokens), ids)
    found = measure(ours, metrics, tools)
    scores, kept = record(found, ours, gaps=gap(ours, found))
    assert (scores[0].gap, scores[0].gap_p) == (0.0, 1.0)
    assert [e.score for e in kept] == ["rep-1"]
