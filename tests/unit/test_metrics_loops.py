from __future__ import annotations

import statistics
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.metrics.base import Tools
from harness.metrics.loops import Loop, Loops, find_loop
from harness.signature import differing, parse
from tests.corpora import corpus, shuffled

TOOLS = Tools(references=None)
TOKENS = st.lists(st.integers(0, 2), max_size=5)


def loopy(phrases: st.SearchStrategy[list[int]]) -> st.SearchStrategy[list[int]]:
    """Texts that loop, nearly loop or do not: a beginning, a phrase written out some times, and a short end."""
    return st.builds(lambda a, b, many, c: a + b * many + c[:2], TOKENS, phrases, st.integers(0, 6), TOKENS)


LOOPY = st.lists(loopy(TOKENS), min_size=1, max_size=8)


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


@given(loopy(loopy(TOKENS)), st.integers(1, 3), st.integers(2, 4), st.integers(1, 60))
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
        ("baabaaba" * 3, Loop(0, 8, 3)),  # it ends in "aba" three times, which has period 8 as well
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


@given(LOOPY, st.randoms())
def test_the_scores_are_the_rule_in_any_order_and_duplication_moves_neither(
    sequences: list[list[int]], random: object
) -> None:
    share, onset = Loops()(corpus(sequences), TOOLS)
    assert share.items is not None
    assert onset.items is not None
    assert share.items.tolist() == [float(by_slices(tokens, 2, 3, 200)) for tokens in sequences]
    assert share.value == pytest.approx(statistics.fmean(share.items))
    assert share.better == "low"
    assert share.notes == ()  # short texts have no loop; they are counted
    found = [loop for tokens in sequences if (loop := find_loop(tokens)) is not None]
    assert onset.items[share.items == 1].tolist() == [loop.onset for loop in found]
    assert np.isnan(onset.items[share.items == 0]).all()
    assert onset.value == pytest.approx(statistics.median([x.onset for x in found]) if found else np.nan, nan_ok=True)
    assert onset.combine == "median"
    assert onset.notes == (f"{len(found)} of {len(sequences)} texts loop",)
    for other in (shuffled(sequences, random), corpus(sequences * 2)):
        for before, after in zip((share, onset), Loops()(other, TOOLS), strict=True):
            assert after.value == pytest.approx(before.value, nan_ok=True)


def test_the_onset_counts_what_stands_before_the_phrase_begins_for_the_first_time() -> None:
    onset = Loops()(corpus(texts=["xyabababab", "", "uvwxyz aaaaaa", "x", "no loop"]), TOOLS)[1]
    assert onset.items is not None
    np.testing.assert_array_equal(onset.items, [2, np.nan, 7, np.nan, np.nan])
    assert onset.value == 4.5
    assert onset.notes == ("2 of 5 texts loop",)


def test_words_need_no_tokens_and_any_script_will_do() -> None:
    text = "\u00e9t\u00e9 \u6f22\u5b57 " * 3
    bare = replace(corpus(texts=["so it is " + text, "\U0001f600\n" * 6, "one"]), tokens=None)
    share, onset = Loops(unit="words")(bare, TOOLS)
    assert share.items is not None
    assert share.items.tolist() == [1, 1, 0]
    assert onset.value == statistics.median([3, 0])
    tokens = Loops()(replace(corpus(texts=["x"]), limit=bare.limit), TOOLS)
    assert differing(share.signature, tokens[0].signature) == {"unit": ("words", "model-tokens")}
    assert parse(onset.signature)["unit"] == "words"
    with pytest.raises(InputError, match=r"metrics\.loops counts model tokens"):
        Loops()(bare, TOOLS)


def test_very_long_texts_and_none() -> None:
    share, onset = Loops()(corpus([[9] * 3 + [1, 2, 3] * 30_000, list(range(100_000)), []]), TOOLS)
    assert share.value == pytest.approx(1 / 3)
    assert onset.value == 3
    assert all(np.isnan(score.value) for score in Loops()(corpus([]), TOOLS))


def test_knobs_reach_the_rule_and_are_checked() -> None:
    texts = corpus([[1, 2, 3, 1, 2, 3]])
    assert Loops()(texts, TOOLS)[0].value == 0.0
    assert Loops(min_repeats=2)(texts, TOOLS)[0].value == 1.0
    assert Loops(min_repeats=2, window=5)(texts, TOOLS)[0].value == 0.0
    with pytest.raises(InputError, match="min_repeats"):
        Loops(min_repeats=1)
    with pytest.raises(InputError, match="unit"):
        Loops(unit="bytes")  # type: ignore[arg-type]
