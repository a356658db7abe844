from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.metrics.base import Tools
from harness.metrics.loops import Loop, Loops, find_loop
from tests.corpora import SEQUENCES, corpus, shuffled

TOOLS = Tools(references=None)


def by_slices(tokens: list[int], min_period: int, min_repeats: int, window: int) -> bool:
    """The paper's rule, literally: the text's end is a phrase written out again and again."""
    end = tokens[-window:]
    return any(
        end[-period * min_repeats :] == end[-period:] * min_repeats and len(end) >= period * min_repeats
        for period in range(min_period, len(end) + 1)
    )


def onset_of(tokens: list[int], period: int) -> int:
    """The smallest index from which on the text has this period."""
    starts = range(len(tokens) + 1)
    return next(i for i in starts if all(a == b for a, b in zip(tokens[i:], tokens[i + period :], strict=False)))


@given(st.lists(st.integers(0, 2), max_size=30), st.integers(1, 3), st.integers(2, 4), st.integers(1, 40))
@example([0] * 30, 2, 3, 6)
@example([1, 2] + [0, 1, 2] * 9, 2, 3, 9)
def test_it_finds_a_loop_where_the_rule_says_so(tokens: list[int], period: int, repeats: int, window: int) -> None:
    loop = find_loop(tokens, period, repeats, window)
    assert (loop is not None) == by_slices(tokens, period, repeats, window)
    if loop is not None:
        assert loop.onset == onset_of(tokens, loop.period)
        assert loop.repeats == (len(tokens) - loop.onset) // loop.period >= repeats
        others = [p for p in range(period, window // repeats + 1) if len(tokens) - onset_of(tokens, p) >= p * repeats]
        assert loop.onset == min(onset_of(tokens, p) for p in others)
        assert loop.period == min(p for p in others if onset_of(tokens, p) == loop.onset)


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("xyabababab", Loop(2, 2, 4)),
        ("xyabababa", Loop(2, 2, 3)),  # the last phrase is cut short
        ("xyabab", None),  # twice only
        ("xyababab!", None),  # it did not last
        ("aaaaaa", Loop(0, 2, 3)),  # one token six times: "aa" three times
        ("aaaaa", None),
        ("abcabcabc", Loop(0, 3, 3)),
        ("aabaabaab", Loop(0, 3, 3)),
        ("aaaaaab" * 3 + "aaaaaa", Loop(0, 7, 3)),  # a loop within the loop's phrase: the longer one is meant
        ("", None),
        ("a", None),
    ],
)
def test_examples(text: str, loop: Loop | None) -> None:
    assert find_loop([ord(character) for character in text]) == loop


def test_the_window_holds_the_repeats_and_the_onset_may_lie_before_it() -> None:
    phrase = list(range(66))
    assert find_loop(phrase * 3) == Loop(0, 66, 3)  # 198 tokens
    assert find_loop([*phrase, 66] * 3) is None  # 201 tokens
    assert find_loop([9] + [1, 2] * 500) == Loop(1, 2, 500)


@given(SEQUENCES, st.randoms())
def test_the_share_is_the_mean_of_its_items_in_any_order(sequences: list[list[int]], random: object) -> None:
    (score,) = Loops()(corpus(sequences), TOOLS)
    assert score.items is not None
    assert score.items.tolist() == [float(by_slices(tokens, 2, 3, 200)) for tokens in sequences]
    assert score.value == pytest.approx(np.mean(score.items))
    assert Loops()(shuffled(sequences, random), TOOLS)[0].value == pytest.approx(score.value)
    assert score.better == "low"
    assert score.notes == ()  # short texts have no loop; they are counted


def test_knobs_reach_the_rule_and_are_checked() -> None:
    texts = corpus([[1, 2, 3, 1, 2, 3]])
    assert Loops()(texts, TOOLS)[0].value == 0.0
    assert Loops(min_repeats=2)(texts, TOOLS)[0].value == 1.0
    assert Loops(min_repeats=2, window=5)(texts, TOOLS)[0].value == 0.0
    with pytest.raises(InputError, match="min_repeats"):
        Loops(min_repeats=1)
