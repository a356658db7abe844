from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import packing
from harness.packing import Queue
from harness.prompts import Prompt
from harness.requests import Request
from harness.strategies.base import Strategy
from harness.strategies.beam import beam
from harness.strategies.sampling import greedy, sample

STRATEGIES: list[Strategy[Any]] = [greedy(), sample(), beam(num_beams=3)]


def request(length: int, strategy: int, seed: int = 0) -> Request:
    return Request(Prompt(f"p{length}", "x"), (1,) * length, STRATEGIES[strategy], 5, seed)


def rows(requests: Iterable[Request]) -> int:
    return sum(r.strategy.width for r in requests)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 2)), max_size=30), st.data())
def test_every_request_is_taken_once_and_the_rows_are_kept(drawn: list[tuple[int, int]], data: st.DataObject) -> None:
    asked = [request(length, strategy, seed) for seed, (length, strategy) in enumerate(drawn)]
    queue, taken = Queue(data.draw(st.permutations(asked))), list[Request]()
    while queue:
        free, alone = data.draw(st.integers(0, 12)), data.draw(st.booleans())
        part = queue.take(free, alone=alone)
        assert rows(part) <= free or (alone and len(part) == 1)
        assert part or not alone
        if data.draw(st.integers(0, 4)) == 0:
            queue.put(part)
        else:
            taken += part
        if not alone and not part:
            taken += queue.take(0, alone=True)
    assert sorted(map(id, taken)) == sorted(map(id, asked))
    assert len(queue) == 0


def test_the_longest_prompts_come_first_and_prompts_stay_whole() -> None:
    queue = Queue([request(length, s) for s in range(3) for length in (2, 5, 3)])
    assert len(queue) == 9
    assert [len(r.tokens) for r in queue.take(12, alone=True)] == [
        5,
        5,
        5,
        3,
        3,
        3,
    ]  # five rows each: two more are free
    assert [r.strategy for r in queue.take(4, alone=False)] == STRATEGIES[:2]  # not even one fits as a whole
    assert queue.take(2, alone=False) == []
    assert [r.strategy for r in queue.take(2, alone=True)] == STRATEGIES[2:]


@pytest.mark.parametrize("taken", [1, 7, 40])
def test_steps_of_many_requests_are_at_most_an_eighth_behind(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MANY", 100)
    queue = Queue(request(1 + seed % 50, 0, seed) for seed in range(2000))
    while queue:
        said, left = queue.steps(20, None), [r for prompt in queue._prompts for r in prompt]
        exact = Queue(left).steps(20, None)
        assert len(queue) == len(left)
        assert exact == 5 * -(-len(left) // 20)
        assert exact <= said <= (exact if len(left) < 100 else 8 / 7 * exact + 5)
        queue.take(taken, alone=False)
    assert queue.steps(20, None) == 0
