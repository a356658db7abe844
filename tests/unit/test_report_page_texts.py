"""Texts by prompt: who wrote them, what their tokens wrote, and what older runs do not know."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import numpy as np
import pandas as pd

from harness.report.page.texts import Text, entries, sources
from harness.results import JobResult, References, Sweep


def frame(*texts: str, finish: str = "length", **changes: object) -> pd.DataFrame:
    """A generation per text, a token per word."""
    made = []
    for index, text in enumerate(texts):
        words = [f" {word}" for word in text.split()]
        count = len(words)
        made.append(
            {
                "prompt_id": f"p{index}",
                "prompt": f"prompt {index}",
                "sample": 0,
                "text": "".join(words),
                "tokens": np.array([sum(map(ord, word)) for word in words], dtype=np.int32),
                "ends": np.array(list(accumulate(map(len, words))), dtype=np.int32),
                "logprob": -np.arange(count, dtype=np.float32),
                "entropy": np.full(count, 2.0, dtype=np.float32),
                "rank": np.arange(count, dtype=np.float32),
                "finish": finish,
                **changes,
            }
        )
    return pd.DataFrame(made)


def sweep(*frames: pd.DataFrame, human: pd.DataFrame | None = None) -> Sweep:
    jobs = [JobResult(f"job {i}", Path(), {}, {}, "", each, [], each) for i, each in enumerate(frames)]
    references = [] if human is None else [References("reference", human.drop(columns="finish"), [])]
    return Sweep(Path(), "made up", "", jobs, references)


def only(made: pd.DataFrame) -> Text:
    (entry,) = entries(sweep(made))
    return entry.texts[0]


def test_references_come_first_and_texts_meet_by_prompt() -> None:
    made = sweep(frame("a", "b"), frame("c", "d", "e").iloc[1:], human=frame("f", "g"))
    assert sources(made) == [("reference", True), ("job 0", False), ("job 1", False)]
    assert [entry.prompt for entry in entries(made)] == ["prompt 0", "prompt 1", "prompt 2"]
    assert [[(t.source, t.text) for t in entry.texts] for entry in entries(made)] == [
        [(0, " f"), (1, " a")],
        [(0, " g"), (1, " b"), (2, " d")],
        [(2, " e")],
    ]


def test_a_references_prompt_that_no_job_has_is_left_out() -> None:
    assert len(entries(sweep(frame("a"), human=frame("b", "c")))) == 1


def test_numbers_of_tokens() -> None:
    text = only(frame("one two three"))
    assert text.lengths.tolist() == [4, 4, 6]
    assert text.surprisal.tolist() == [0, 1, 2]
    assert text.rank.tolist() == [0, 1, 2]
    assert text.count == 3


def test_lengths_count_as_browsers_do() -> None:
    """Where a character beyond the first 65,536 counts twice."""
    text = only(frame("a 😀 日 e👩‍🚀 z"))
    pieces = [" a", " 😀", " 日", " e👩‍🚀", " z"]
    assert text.lengths.tolist() == [len(piece.encode("utf-16-le")) // 2 for piece in pieces]


def test_what_repeats_is_found() -> None:
    text = only(frame("so it was " + "and on it went " * 4))
    assert text.loop is not None
    assert (text.loop.onset, text.loop.period, text.loop.repeats) == (3, 4, 4)
    assert text.repeated.tolist() == [False] * 7 + [True] * 12
    (entry,) = entries(sweep(frame("x y"), frame("a b " * 3), human=frame("c d " * 3)))
    assert (entry.loops, entry.longest, entry.tokens) == (2, 6, 14)


def test_a_closing_eos_is_no_part_of_a_loop_and_not_counted() -> None:
    made = frame("a b a b a b <eos>", finish="eos")
    assert only(made).loop is not None
    assert only(made.assign(finish="length")).loop is None
    assert (only(made).count, len(only(made).lengths)) == (6, 7)  # as the score `length` counts; its numbers stay
    (entry,) = entries(sweep(made, frame("a b c")))
    assert entry.longest == 6


def test_the_difference_is_that_of_the_generated_texts() -> None:
    (entry,) = entries(sweep(frame("a b c"), frame("a b c"), human=frame("x y z")))
    assert entry.difference() == 0
    several = pd.concat([frame("a b c"), frame("d e f", sample=1)])
    (entry,) = entries(sweep(several, frame("a b c")))
    assert entry.difference() == 0  # of the first samples
    assert len(entry.texts) == 3


def test_runs_of_older_versions_have_texts_without_numbers() -> None:
    text = only(frame("one two").drop(columns="ends"))
    assert (text.text, text.count, text.lengths.tolist(), text.surprisal.tolist()) == (" one two", 2, [], [])
    wrong = only(frame("one two").assign(text=[" one twoo"]))
    assert wrong.lengths.tolist() == []


def test_values_that_are_not_there_are_not_known() -> None:
    text = only(frame("one two").assign(logprob=None, entropy=pd.Series([np.ones(1)])).drop(columns="rank"))
    assert np.isnan(text.surprisal).all()
    assert np.isnan(text.entropy).all()
    assert np.isnan(text.rank).all()


def test_references_that_nothing_was_read_of_are_no_source() -> None:
    made = sweep(frame("a"))
    empty = replace(made, references=[References("reference", frame(), [])])
    assert sources(empty) == [("job 0", False)]
