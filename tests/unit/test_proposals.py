"""Prompt lookup against a loop over lists."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.proposals import following


def by_hand(text: list[int], ngram: int, count: int) -> list[int]:
    end, found = text[-ngram:], []
    for begin in range(len(text) - ngram - 1, -1, -1):
        if len(end) == ngram and text[begin : begin + ngram] == end:
            found = text[begin + ngram :][:count]
            break
    return found + [-1] * (count - len(found))


@given(
    st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=4),
    st.integers(1, 4),
    st.integers(1, 6),
)
def test_it_is_what_followed_the_last_place_of_the_last_tokens(rows: list[list[int]], ngram: int, count: int) -> None:
    time = max(map(len, rows))
    text = torch.tensor([[-1] * (time - len(row)) + row for row in rows])
    assert following(text, ngram, count).tolist() == [by_hand(row, ngram, count) for row in rows]
