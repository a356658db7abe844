"""Loops on the page are those that the score counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics.base import Score, Tools
from harness.metrics.loops import Loops
from harness.report.page.rules import Rule, rules, told
from harness.report.page.texts import entries
from harness.results import JobResult, References, ScoreRecord, Sweep
from tests.corpora import corpus

RULE = "loops|period:3|repeats:2|window:50|unit:model-tokens|v:1"


def score(metric: Loops, tokens: list[list[int]]) -> Score:
    return metric(corpus(tokens), Tools(None))[0]


def signed(*signatures: str) -> list[ScoreRecord]:
    return [ScoreRecord(each.partition("|")[0], 0.5, "low", each) for each in signatures]


def sweep(*scores: list[ScoreRecord], tokens: list[list[int]] | None = None) -> Sweep:
    frame = pd.DataFrame(
        [
            {"prompt_id": f"p{i}", "prompt": "", "sample": 0, "text": "x" * len(each), "tokens": np.array(each)}
            for i, each in enumerate(tokens or [])
        ],
        columns=["prompt_id", "prompt", "sample", "text", "tokens"],
    ).assign(finish="length")
    return Sweep(Path(), "", "", [JobResult("a", Path(), {}, {}, "", frame, s, frame) for s in scores], [])


@given(
    st.lists(st.lists(st.integers(0, 2), max_size=14), min_size=1, max_size=5),
    st.integers(1, 3),
    st.integers(2, 4),
    st.integers(12, 20),
)
def test_as_many_texts_are_marked_as_are_counted(tokens: list[list[int]], period: int, repeats: int, size: int) -> None:
    counted = score(Loops(min_period=period, min_repeats=repeats, window=size), tokens)
    made = sweep([ScoreRecord.of(counted)], tokens=tokens)
    assert counted.items is not None
    assert [entry.loops for entry in entries(made)] == counted.items.tolist()


@pytest.mark.parametrize("metric", [Loops(unit="words", min_period=5), Loops(compat="degen")])
def test_of_words_and_of_published_code_the_usual_rule_is_applied_and_said(metric: Loops) -> None:
    made = sweep([ScoreRecord.of(score(metric, [[1, 2]]))])
    assert rules(made) == [Rule(2, 3, 200)]
    assert told(made) == (
        "A loop is a phrase of at least 2 tokens that stands at least 3 times in a row at the end of a text, within "
        "its last 200 tokens. The score loops goes by another rule, which its signature says."
    )


def test_the_rule_is_said() -> None:
    assert told(sweep(signed(RULE), signed(RULE))) == (
        "A loop is a phrase of at least 3 tokens that stands at least 2 times in a row at the end of a text, within "
        "its last 50 tokens, as for the score loops."
    )
    assert "score" not in told(sweep(signed("rep-1|v:1")))
    assert "each strategy's own score" in told(sweep(signed(RULE), signed(RULE.replace("3", "4"))))


def test_references_without_the_score_are_read_as_the_jobs_are() -> None:
    made = sweep(signed(RULE), signed("rep-1|v:1"), tokens=[[1]])
    frame = made.jobs[0].generations
    empty = References("none", frame.iloc[:0], [])
    other = signed(RULE.replace("period:3", "period:4"))
    human = replace(made, references=[References("r", frame, []), empty, References("s", frame, other)])
    assert rules(human) == [Rule(3, 2, 50), Rule(4, 2, 50), Rule(3, 2, 50), Rule()]


@pytest.mark.parametrize("wrong", ["period:x", "period:0", "period:-1"])
def test_a_signature_that_nobody_wrote_is_no_rule(wrong: str) -> None:
    assert Rule.of(signed(RULE.replace("period:3", wrong))) is None
