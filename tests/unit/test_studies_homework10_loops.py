"""Question 4: where a text repeats itself, and whether that makes it likelier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch

from harness.api import decode
from harness.metrics.loops import find_loop
from harness.studies.homework.echo import echo, first_sentence
from harness.studies.homework.loops import Looping, Rising, Share, loops
from harness.studies.homework.stretches import Stretch, longest, passes
from tests.table_model import TableModel
from tests.tiny_gpt2 import tiny_gpt2


def covered(tokens: Sequence[int], min_period: int, min_repeats: int) -> int:
    """The most tokens that a phrase covers which stands so often in a row: every start, end and period is tried."""
    most = 0
    for start in range(len(tokens)):
        for end in range(start + 1, len(tokens) + 1):
            for period in range(min_period, (end - start) // min_repeats + 1):
                if all(tokens[i] == tokens[i + period] for i in range(start, end - period)):
                    most = max(most, end - start)
    return most


def test_the_longest_stretch_is_that_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(200):
        tokens = rng.integers(2 + rng.integers(2), size=rng.integers(1, 26)).tolist()
        stretch = longest(tokens)
        assert covered(tokens, 2, 3) == (stretch.end - stretch.onset if stretch else 0), tokens
        if stretch:
            found += 1
            inside = tokens[stretch.onset : stretch.end]
            assert all(a == b for a, b in zip(inside, inside[stretch.period :], strict=False))
            assert stretch.repeats == len(inside) // stretch.period >= 3
    assert 20 < found < 180


def test_a_text_that_ends_in_its_loop_has_the_metrics_loop() -> None:
    tokens = [9, 8, 7, *[1, 2, 3] * 4, 1]
    loop, stretch = find_loop(tokens), longest(tokens)
    assert loop is not None
    assert stretch == Stretch(loop.onset, len(tokens), loop.period) == Stretch(3, 16, 3)
    assert longest([*tokens, 50]) == stretch
    assert find_loop([*tokens, 50]) is None  # the metric looks at the end alone


def test_of_equally_long_stretches_the_shortest_phrase_is_taken() -> None:
    assert longest([5] * 12) == Stretch(0, 12, 2)
    assert longest([1, 2] * 6) == Stretch(0, 12, 2)
    assert longest([1, 2, 1, 2]) is None
    assert longest([]) is None


def test_passes_are_whole_ones() -> None:
    np.testing.assert_array_equal(passes(range(20), Stretch(2, 13, 3)), [[2, 3, 4], [5, 6, 7], [8, 9, 10]])


def test_a_first_sentence_ends_where_white_space_follows() -> None:
    assert first_sentence(" Mr.Fox ran 3.5 miles. He slept.") == "Mr.Fox ran 3.5 miles."
    assert first_sentence("No end") == "No end"
    assert first_sentence("Who? Me.") == "Who?"


def test_copies_are_what_the_network_says_of_them() -> None:
    model = tiny_gpt2(vocab=31)
    sentences = ["a cat", "the dog"]
    table = echo(model, sentences, copies=4, tokens=5)
    assert table.shape == (2, 4)
    for sentence, row in zip(sentences, table, strict=True):
        text = model.continuation(f" {sentence}")[:5]
        tokens = torch.tensor([[*model.encode(""), *text * 4]])
        with torch.no_grad():
            logprobs = model.network(tokens).logits[0].log_softmax(-1)
        each = [float(logprobs[at, token]) for at, token in enumerate(tokens[0, 1:].tolist())]
        expected = [np.mean(each[a:b]) for a, b in pairwise(range(0, 5 * len(text), len(text)))][:4]
        np.testing.assert_allclose(row, expected, rtol=1e-6)


def test_there_are_no_more_copies_than_the_context_holds() -> None:
    model = tiny_gpt2(vocab=31)  # 64 positions
    assert echo(model, ["x" * 19, "y"], copies=8).shape == (2, 3)
    assert echo(model, [], copies=8).shape == (0, 8)


@pytest.fixture
def circle() -> TableModel:
    """After a comes b, after b c, after c a, and seldom d, which then stays."""
    table = torch.full((4, 4), -4.0)
    for token, follower in ((0, 1), (1, 2), (2, 0), (3, 3)):
        table[token, follower] = 0.0
    return TableModel(table, torch.zeros(4, 2))


def test_a_greedy_text_is_described(circle: TableModel) -> None:
    found = Looping.of(circle, decode(circle, "a", "greedy", max_new_tokens=14).iloc[0])
    assert (found.stretch, found.phrase, found.left) == (Stretch(0, 14, 3), "bca", False)
    assert found.repeated == pytest.approx(1 - 3 / 11)
    sure = 1 / (1 + 3 * math.exp(-4))
    np.testing.assert_allclose(found.passes, [sure] * 4, rtol=1e-5)
    assert found.again == pytest.approx(sure**3, rel=1e-5)
    assert found.known == 0  # nothing in the first pass had been said before


def test_a_sweep_is_searched_for_such_phrases(circle: TableModel) -> None:
    frame = decode(circle, ["a", "b", "d"], "greedy", max_new_tokens=12)
    found = loops(circle, "a", ["abc", "bca"], frame, draws=5, max_new_tokens=12)
    assert found.everywhere is not None
    assert found.everywhere.value == 1  # "ddd..." too
    assert found.passes is not None
    assert found.passes.texts == 3
    assert len(found.passes.means) == 3
    assert not found.passes.shown  # a table has no memory: the passes are alike
    assert found.draws == 5
    assert len(found.copied) == 8
    assert loops(circle, "a", ["abc"], None, draws=1, max_new_tokens=12).everywhere is None


def test_a_rise_is_shown_where_the_interval_says_so() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.1, size=(40, 3))
    names, up = [str(i) for i in range(40)], np.array([0, 0.5, 1])
    assert Rising.of(noise + up, names).shown
    assert not Rising.of(noise - up, names).shown
    rise = Rising.of(noise + up, names).rise
    assert rise is not None
    assert rise.value == pytest.approx((noise[:, 2] - noise[:, 0]).mean() + 1)
    assert Rising.of(noise[:1], names[:1]).rise is None
    assert Rising.of(noise[:0], []).means == []


def test_a_share_has_wilsons_interval() -> None:
    found = Share.of([True] + [False] * 28, [str(i) for i in range(29)])
    assert (found.value, round(found.low, 4), round(found.high, 4)) == (1 / 29, 0.0061, 0.1718)  # Newcombe (1998), I


def test_no_text_long_enough_for_a_4_gram_has_no_share_of_them(circle: TableModel) -> None:
    found = loops(circle, "a", ["abc"], None, draws=2, max_new_tokens=2)
    assert math.isnan(found.sampled_repeated)
    assert math.isnan(found.example.repeated)
    assert found.example.stretch is None
    assert len(found.example.passes) == 0
