"""What somebody who watches the engine is told after every step, and that it comes true."""

from __future__ import annotations

import pytest

from harness.engine import decode
from harness.exact import BUCKET, decode_exactly
from harness.packing import Queue
from harness.requests import Request
from harness.strategies.beam import beam
from harness.strategies.sampling import greedy, sample
from tests.batches import MIXED, TEXTS, Counting, requests, tokens
from tests.table_model import table_model

Told = list[tuple[float, int]]


def told(asked: list[Request], eos: list[int], **how: int) -> Told:
    found: Told = []
    list(decode(table_model(6, eos=eos), asked, watch=lambda done, left: found.append((done, left)), **how))  # type: ignore[arg-type]
    return found


def test_of_one_batch_every_step_is_known_from_the_first_on() -> None:
    asked = requests([greedy(), sample()], TEXTS, new=8)
    found = told(asked, [])
    assert [left for _, left in found] == [7, 6, 5, 4, 3, 2, 1, 0]
    assert [done for done, _ in found[:-1]] == pytest.approx([len(asked) * step / 8 for step in range(1, 8)])
    assert found[-1] == (0, 0)  # all have ended: they run no more


def test_the_longest_request_counts() -> None:
    found = told(requests([greedy()], ["ab"], new=3) + requests([sample()], ["c"], new=9), [])
    assert [left for _, left in found] == [8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert found[1][0] == pytest.approx(2 / 3 + 2 / 9)


def test_rows_count_as_many_as_a_request_has() -> None:
    wide = beam(num_beams=3)
    assert told(requests([wide], ["ab", "c"], new=4), [])[0][0] == pytest.approx(2 * 3 / (4 + wide.lag))


@pytest.mark.parametrize("refill", [False, True])
@pytest.mark.parametrize("rows", [3, 8, 20, 300])
@pytest.mark.parametrize("eos", [[], [5]])
def test_no_more_steps_follow_than_it_said(rows: int, refill: bool, eos: list[int]) -> None:
    asked = requests(MIXED, TEXTS, seeds=(0, 1), new=8)
    steps = [left for _, left in told(asked, eos, max_rows=rows, refill=refill)]
    assert steps[-1] == 0
    assert all(left >= len(steps) - 1 - place for place, left in enumerate(steps))
    if not eos and rows == 300:
        assert steps[0] == len(steps) - 1


def test_what_waits_counts_in_batches() -> None:
    asked = requests([greedy()], [f"{a}{b}" for a in "abcd" for b in "abc"], new=8)
    queue = Queue(asked)
    assert queue.steps(5, None) == 3 * 8
    assert queue.steps(12, None) == 8
    assert queue.steps(12, 5) == 3  # the context has no room for more
    assert len(queue) == 12
    queue.take(5, alone=True)
    assert queue.steps(5, None) == 2 * 8
    queue.take(12, alone=True)
    assert queue.steps(5, None) == 0


def test_the_exact_engine_counts_all_buckets() -> None:
    asked = requests([greedy()], ["ab", "ab" * BUCKET], new=6)
    found: Told = []
    list(decode_exactly(table_model(6), asked, max_rows=4, watch=lambda done, left: found.append((done, left))))
    assert [left for _, left in found] == [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]


def test_watching_changes_nothing() -> None:
    asked = requests(MIXED, TEXTS)
    models = [Counting(table_model(6, eos=[5])) for _ in range(2)]
    plain = tokens(list(decode(models[0], asked, max_rows=8)), MIXED)
    assert tokens(list(decode(models[1], asked, max_rows=8, watch=lambda done, left: None)), MIXED) == plain
    assert models[0].steps == models[1].steps
