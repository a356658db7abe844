"""The parts that a world's requests are handed out in."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.cluster.shards import PIECES, Shard, prompts_each, rest, split
from harness.prompts import Prompt
from harness.requests import Request
from harness.strategies.base import Strategy
from harness.strategies.beam import beam
from harness.strategies.sampling import greedy, sample

STRATEGIES: dict[Strategy[Any], str] = {greedy(): "a", sample(): "b", beam(num_beams=2): "c"}

requests = st.lists(
    st.builds(
        lambda text, again, strategy, new, seed, number: Request(
            Prompt(f"{text}-{again}", text), tuple(map(ord, text)), strategy, new, seed, number
        ),
        st.text("ab", min_size=1, max_size=3),
        st.integers(1, 2),  # equal texts are different prompts, with the same tokens
        st.sampled_from(list(STRATEGIES)),
        st.integers(1, 9),
        st.integers(0, 2),
        st.integers(0, 2),
    ),
    max_size=40,
)


def numbers(shards: list[Shard]) -> list[int]:
    return sorted(line.number for shard in shards for line in shard.lines)


@given(requests, st.integers(1, 5))
def test_every_request_is_in_one_shard_and_those_of_a_prompt_in_the_same(world: list[Request], prompts: int) -> None:
    shards = split(world, STRATEGIES, prompts)
    assert numbers(shards) == list(range(len(world)))
    homes = {(world[line.number].tokens, i) for i, shard in enumerate(shards) for line in shard.lines}
    assert max(Counter(tokens for tokens, _ in homes).values(), default=1) == 1
    assert all(shard.texts == prompts for shard in shards[:-1])
    assert all(0 < shard.texts <= prompts for shard in shards)


@given(requests, st.integers(1, 5))
def test_a_shard_makes_the_requests_that_it_was_made_of(world: list[Request], prompts: int) -> None:
    for shard in split(world, STRATEGIES, prompts):
        for number, made in shard.requests(list(STRATEGIES)).items():
            assert vars(made) == vars(world[number])


@given(requests)
def test_the_longest_texts_come_first(world: list[Request]) -> None:
    shards = split(world, STRATEGIES, 1)
    longest = [
        max(len((r := world[line.number]).tokens) + r.max_new_tokens for line in shard.lines) for shard in shards
    ]
    assert longest == sorted(longest, reverse=True)


@given(requests, st.integers(1, 5), st.data())
def test_what_is_left_of_a_shard_is_done_again_once(world: list[Request], prompts: int, data: st.DataObject) -> None:
    for shard in split(world, STRATEGIES, prompts):
        own = [line.number for line in shard.lines]
        ended = data.draw(st.sets(st.sampled_from(own)))
        left = rest(shard, ended)
        assert numbers(left) == sorted(set(own) - ended)
        remaining = {world[number].tokens for number in set(own) - ended}
        assert sum(each.texts if len(left) > 1 else len(remaining) for each in left) == len(remaining)
        assert len(left) == min(2, len(remaining))
        for each in left:
            for number, made in each.requests(list(STRATEGIES)).items():
                assert vars(made) == vars(world[number])


def test_a_deadly_prompt_is_alone_after_halvings_and_then_counted() -> None:
    world = [Request(Prompt(str(i), str(i)), (i,), greedy(), 4) for i in range(8)]
    waiting, lost = split(world, STRATEGIES, 8), 0
    alone: list[int] = []
    while waiting:
        shard = waiting.pop()
        if any(line.number == 5 for line in shard.lines):  # nothing of it comes back
            waiting += rest(shard, ())
            lost += 1
            alone += [each.lost for each in waiting if each.lost]
            if any(each.lost == 2 for each in waiting):
                break
    assert lost == 3 + 2  # 8, 4, 2 prompts, then twice alone
    assert alone == [1, 2]


def test_progress_starts_the_count_anew() -> None:
    world = [Request(Prompt("p", "p"), (1,), greedy(), 4, seed) for seed in range(3)]
    (shard,) = split(world, STRATEGIES, 1)
    (once,) = rest(shard, ())
    (again,) = rest(once, {0})
    assert (once.lost, again.lost) == (1, 0)
    assert rest(again, {0, 1, 2}) == []


@given(requests, st.integers(1, 8))
def test_every_worker_gets_several_shards_where_there_are_prompts_enough(world: list[Request], workers: int) -> None:
    distinct = len({r.tokens for r in world})
    shards = split(world, STRATEGIES, prompts_each(world, workers))
    assert len(shards) <= workers * PIECES
    assert len(shards) >= min(distinct, workers * PIECES / 2)
