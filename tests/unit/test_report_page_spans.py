"""Repetition as the page marks it."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.page.spans import covered, difference


def test_all_tokens_of_a_repeated_phrase_are_covered() -> None:
    tokens = [1, 2, 3, 4, 9, 1, 2, 3, 4, 5]
    assert covered(tokens).tolist() == [False] * 5 + [True] * 4 + [False]
    assert covered([1, 1, 1]).tolist() == [False] * 3
    assert covered([]).tolist() == []


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(1, 5))
def test_covered_is_what_the_definition_says(tokens: list[int], size: int) -> None:
    expected = np.zeros(len(tokens), dtype=bool)
    for start in range(len(tokens) - size + 1):
        phrase = tokens[start : start + size]
        if any(tokens[before : before + size] == phrase for before in range(start)):
            expected[start : start + size] = True
    assert covered(tokens, size).tolist() == expected.tolist()


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=3, max_size=3), min_size=2, max_size=5))
def test_the_difference_is_over_all_twos(words: list[list[str]]) -> None:
    texts = [" ".join(each) for each in words]
    pairs = [{(a, b), (b, c)} for a, b, c in words]
    shared = np.mean([len(x & y) for x, y in combinations(pairs, 2)])
    mean = np.mean([len(each) for each in pairs])
    assert difference(texts) == pytest.approx(1 - shared / mean)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["The fox said", "the fox, said"], 0.0),
        (["a b c", "d e f"], 1.0),
        (["a b c d", "a b c d", "e f g h"], 2 / 3),
        (["alone it is"], 0.0),
        ([], 0.0),
        (["", ""], 0.0),
        (["", "word"], 1.0),
    ],
)
def test_examples(texts: list[str], expected: float) -> None:
    assert difference(texts) == pytest.approx(expected)
