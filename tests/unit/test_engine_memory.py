"""What the engine does when memory runs out: fewer rows at once, and no request lost or decoded twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.engine import decode
from harness.errors import InputError
from harness.group import Group
from harness.models.base import Output
from harness.nodes import Nodes
from harness.strategies.beam import beam
from harness.strategies.sampling import greedy, sample
from tests.batches import MIXED, TEXTS, Counting, requests, tokens
from tests.table_model import TableCache, table_model


@dataclass
class Small(Counting):
    """A model whose memory holds so many rows."""

    room: int = 10

    def extend(self, tokens: Tensor, cache: Any, *, hidden: bool = False) -> Output:
        if len(tokens) > self.room:
            raise RuntimeError(
                "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you ..."
            )
        return super().extend(tokens, cache, hidden=hidden)

    def prefill(self, prompts: Sequence[Sequence[int]], **knobs: Any) -> tuple[Output, Any]:
        if len(prompts) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().prefill(prompts, **knobs)


def test_out_of_memory_halves_the_rows_and_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    model = table_model(6, eos=[5])
    asked = requests(MIXED, [f"{a}{b}" for a in "abcde" for b in "abcde"], seeds=(0, 1))
    plain = tokens(list(decode(model, asked)), MIXED)
    found = list(decode(Small(model), asked, max_rows=300, merge=False))
    assert len(found) == len(asked)
    assert tokens(found, MIXED) == plain
    assert "out of memory with" in caplog.text


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 9, 14, 20])
@pytest.mark.parametrize("where", ["Group.advance", "Group.retire", "Group.start", "Nodes.logprob", "select", "join"])
def test_out_of_memory_anywhere_loses_and_repeats_nothing(where: str, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The n-th call of something fails: each request is generated once all the same, and is the same."""
    model = table_model(6, eos=[5])
    asked = requests(MIXED, ["ab", "c", "dd", "acb"], seeds=(0, 1))
    plain = tokens(list(decode(model, asked, max_rows=16)), MIXED)
    owner, _, name = where.rpartition(".")
    kind = {"Group": Group, "Nodes": Nodes, "": TableCache}[owner]
    whole, left = getattr(kind, name), [n]

    def failing(*given: Any, **knobs: Any) -> Any:
        left[0] -= 1
        if left[0] == -1:
            raise MemoryError
        return whole(*given, **knobs)

    monkeypatch.setattr(kind, name, staticmethod(failing) if name == "start" else failing)
    found = list(decode(model, asked, max_rows=16))
    assert len(found) == len(asked)
    assert tokens(found, MIXED) == plain
    assert left[0] < n


def test_rows_in_the_cache_are_bounded_at_a_refill_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = []
    join = TableCache.join

    def noted(self: TableCache, other: TableCache) -> None:
        join(self, other)
        rows.append(len(self))

    monkeypatch.setattr(TableCache, "join", noted)
    list(decode(table_model(6, eos=[5]), requests(MIXED, TEXTS, range(20)), max_rows=24, merge=False))
    assert len(rows) > 3
    assert max(rows) <= 24


def test_a_last_request_in_a_large_batch_starts_again_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Memory that was made for many rows fails when one is left: alone it fits."""
    model = Counting(table_model(6))
    asked = [*requests([sample()], TEXTS, new=3), *requests([greedy()], ["abc"], new=9)]
    steps: list[int] = []

    def extend(tokens: Tensor, cache: Any, **knobs: Any) -> Output:
        steps.append(len(tokens))
        if len(tokens) == 1 and max(steps) > 1 and steps.count(1) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return table_model(6).extend(tokens, cache, **knobs)

    model.extend = extend  # type: ignore[method-assign]
    assert len(list(decode(model, asked, max_rows=16))) == len(asked)
    assert "out of memory" in caplog.text


def test_too_little_memory_for_one_request_is_said() -> None:
    with pytest.raises(InputError, match="memory does not suffice to decode one request"):
        list(decode(Small(table_model(6), room=2), requests([beam(num_beams=3)], TEXTS), max_rows=8, merge=False))
    with pytest.raises(RuntimeError, match="something else"):
        list(decode(Broken(table_model(6)), requests([greedy()], TEXTS)))


@dataclass
class Broken(Counting):
    """A model with a mistake that is not a lack of memory."""

    def extend(self, tokens: Tensor, cache: Any, *, hidden: bool = False) -> Output:
        raise RuntimeError("something else")
