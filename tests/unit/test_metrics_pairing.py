from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.jackknife import groups
from harness.metrics.pairing import Pair, sample_sets, shared_groups, smallest, split, whole

IDS = st.lists(st.text(max_size=3), min_size=1, max_size=30)


def test_each_sample_of_every_prompt_is_a_set() -> None:
    found = sample_sets(["b", "a", "b", "c", "a", "c", "b"], 2)
    assert [rows.tolist() for rows in found] == [[1, 0, 3], [4, 2, 5]]  # the third b has no third a beside it


def test_with_fewer_prompts_than_it_takes_all_texts_are_one_set() -> None:
    assert [rows.tolist() for rows in sample_sets(["", "", ""], 2)] == [[0, 1, 2]]
    assert [rows.tolist() for rows in sample_sets(["", "", ""], 1)] == [[0], [1], [2]]
    assert [rows.tolist() for rows in sample_sets([], 10)] == [[]]


def test_numbered_prompts_are_in_the_order_of_their_numbers() -> None:
    ids = [f"p{i}" for i in range(120)]
    (rows,) = sample_sets(ids, 10)
    assert rows.tolist() == list(range(120))
    (rows,) = sample_sets(["9" * 5000, "2", "10", "٣", "x", "02"], 2)  # digits of any script; of any length
    assert rows.tolist()[:2] == [5, 1]


@given(IDS, st.randoms(use_true_random=False))
def test_the_order_of_prompts_does_not_matter(ids: list[str], random: np.random.Generator) -> None:
    order = list(range(len(ids)))
    random.shuffle(order)
    order.sort(key=lambda i: ids[: i + 1].count(ids[i]))  # the first texts first, and so on: prompts stay mixed
    (before, after) = (sample_sets(some, 1) for some in (ids, [ids[i] for i in order]))
    assert [[order[row] for row in rows] for rows in after] == [rows.tolist() for rows in before]


@given(st.lists(st.text(max_size=3), min_size=1, max_size=20, unique=True), st.integers(1, 3))
def test_copies_of_all_texts_are_further_samples(ids: list[str], samples: int) -> None:
    ids = ids * samples
    once, twice = sample_sets(ids, 1), sample_sets([*ids, *ids], 1)
    assert len(twice) == 2 * len(once)
    assert [rows.tolist() for rows in twice[: len(once)]] == [rows.tolist() for rows in once]
    assert [(rows % len(ids)).tolist() for rows in twice[len(once) :]] == [rows.tolist() for rows in once]


def test_sets_meet_the_references_in_turn() -> None:
    p, q = [np.array([0]), np.array([1])], [np.array([i]) for i in range(3)]
    assert [(int(pair.p[0]), int(pair.q[0])) for pair in whole(p, q)] == [(0, 0), (1, 1), (0, 2)]


@given(st.lists(st.text(max_size=3), min_size=2, max_size=30, unique=True), st.integers(1, 5))
def test_no_prompt_is_in_both_halves_and_halves_are_equal(ids: list[str], splits: int) -> None:
    rows = np.arange(len(ids))
    found = split([Pair(rows, rows)], ids, ids, splits)
    assert len(found) == splits
    for pair in found:
        assert sorted([*pair.p, *pair.q]) == rows.tolist()
        assert abs(len(pair.p) - len(pair.q)) <= 1
    for there, back in zip(found[::2], found[1::2], strict=False):
        assert there.p.tolist() == back.q.tolist()
        assert there.q.tolist() == back.p.tolist()


def test_another_division_has_other_halves_in_any_order_of_the_prompts() -> None:
    ids = [str(i) for i in range(100)]
    rows = np.arange(100)
    first, _, other, _ = split([Pair(rows, rows)], ids, ids, 4)
    assert 30 < len(set(first.p.tolist()) ^ set(other.p.tolist())) < 70
    back = split([Pair(rows, rows)], ids[::-1], ids[::-1], 1)[0]
    assert sorted(99 - back.p) == sorted(first.p)


def test_halves_keep_the_sets_and_their_order() -> None:
    ids = ["a", "b", "c", "d"] * 2
    q = sample_sets(ids, 1)
    pairs = split(whole([np.arange(4)], q), ids[:4], ids, 1)
    assert [sorted(pair.q % 4) for pair in pairs] == [sorted(pairs[0].q.tolist())] * 2
    assert pairs[1].q.min() >= 4


def test_the_groups_are_those_of_the_generations_prompts() -> None:
    q_ids = [str(i) for i in range(50)] * 2
    p_ids = [str(i) for i in range(10, 70)]
    p, q = shared_groups(p_ids, q_ids)
    assert q.tolist() == groups(q_ids).tolist()
    assert p[:40].tolist() == q[10:50].tolist()
    assert set(p[40:]) <= set(q)
    assert np.bincount(p[40:], minlength=20).max() <= 1  # references without a generation are spread, too
    few, _ = shared_groups(p_ids, ["a", "b"])
    assert set(few) == {0, 1}


def test_the_smallest_side_counts() -> None:
    assert smallest([Pair(np.arange(3), np.arange(5)), Pair(np.arange(9), np.arange(2))]) == 2
    assert smallest([]) == 0
