from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.metrics.mauve_notes import STEADY, notes_on
from harness.metrics.pairing import Pair
from tests.corpora import corpus

STEADY_SEEDS = np.array([[0.5], [0.5]])


def pairs(n: int) -> list[Pair]:
    return [Pair(np.arange(n), np.arange(n))]


def test_enough_texts_of_equal_length_have_only_the_spread_over_seeds() -> None:
    side = corpus([[1, 2, 3]] * STEADY)
    found = np.array([[0.25], [0.75]])
    assert notes_on(side, side, pairs(STEADY), found) == ("clustering seeds give 0.250 to 0.750",)


@pytest.mark.parametrize(("texts", "said"), [(STEADY - 1, True), (STEADY, False), (200, True), (199, True)])
def test_few_texts_are_noted(texts: int, said: bool) -> None:
    side = corpus([[1]] * texts)
    notes = notes_on(side, side, pairs(texts), STEADY_SEEDS)
    assert any("below 1,000 texts" in note for note in notes) == said
    assert any("nine times in ten" in note for note in notes) == (texts < 200)


def test_unequal_lengths_are_noted_in_tokens_or_words() -> None:
    p, q = corpus([[1] * 20] * 20), corpus([[]] * 3 + [[1] * 20] * 17)
    notes = notes_on(p, q, pairs(20), STEADY_SEEDS)
    assert any("17.0 tokens on average, 20.0 in the references" in note for note in notes)
    words = [replace(corpus(texts=texts), tokens=None) for texts in (["a b c"] * 20, ["a b"] * 20)]
    notes = notes_on(words[0], words[1], pairs(20), STEADY_SEEDS)
    assert any("2.0 words on average, 3.0 in the references" in note for note in notes)
    assert not any("on average" in note for note in notes_on(p, p, pairs(20), STEADY_SEEDS))
    mixed = notes_on(replace(p, tokens=None), p, pairs(20), STEADY_SEEDS)
    assert not any("on average" in note for note in mixed)  # words of both, not words of one and tokens of the other


def test_empty_texts_are_counted_on_both_sides() -> None:
    p, q = corpus([[], [1]] * 10), corpus([[]] * 20)
    assert "30 empty texts are counted" in notes_on(p, q, pairs(20), STEADY_SEEDS)


def test_a_single_clustering_seed_is_noted() -> None:
    side = corpus([[1]] * 20)
    assert notes_on(side, side, pairs(20), STEADY_SEEDS[:1])[-1].startswith("one clustering seed")
