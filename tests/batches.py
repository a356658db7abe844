"""Requests of several strategies on the table model, and a model that counts what it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from harness.engine import Generation, Request
from harness.models.base import Output
from harness.prompts import identified
from harness.strategies.base import Strategy
from harness.strategies.beam import beam
from harness.strategies.sampling import greedy, sample
from tests.table_model import TableModel, table_model

Key = tuple[str, int, int, int]


def requests(
    strategies: Sequence[Strategy[Any]], texts: Sequence[str], seeds: Sequence[int] = (0,), new: int = 8
) -> list[Request]:
    model = table_model(6)
    return [
        Request(p, tuple(model.encode(p.text)), s, new, seed)
        for s in strategies
        for p in identified([(t, None) for t in texts])
        for seed in seeds
    ]


def tokens(found: Sequence[Generation], strategies: Sequence[Strategy[Any]]) -> dict[Key, tuple[int, ...]]:
    return {
        (g.request.prompt.id, strategies.index(g.request.strategy), g.request.seed, g.request.sample): g.tokens
        for g in found
    }


MIXED: list[Strategy[Any]] = [
    greedy(),
    sample(),
    sample(temperature=0.0),
    sample(temperature=0.3),
    beam(num_beams=3),
    sample(top_k=2, top_p=0.9),
]
TEXTS = ["a", "bc", "abcdef", "dd", "fedcba", "cab"]


@dataclass
class Counting:
    """A model that counts the rows it is asked to run."""

    inner: TableModel
    prefilled: int = 0
    extended: int = 0
    widest: int = 0
    steps: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def prefill(self, prompts: Sequence[Sequence[int]], **knobs: Any) -> tuple[Output, Any]:
        self.prefilled += len(prompts)
        return self.inner.prefill(prompts, **knobs)

    def extend(self, tokens: Tensor, cache: Any, *, hidden: bool = False) -> Output:
        self.extended += len(tokens)
        self.steps += 1
        self.widest = max(self.widest, len(tokens))
        return self.inner.extend(tokens, cache, hidden=hidden)
