"""The limit: the forward passes that a sweep made, repeated without anything between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from experiments.speed.contender import Lap, Stopwatch
from harness.models.huggingface import HuggingFaceModel


@dataclass(frozen=True)
class Pass:
    """One call of the model."""

    kind: Literal["prefill", "extend"]
    lengths: tuple[int, ...]  # prefill: of the prompts; extend: of one row, the columns before the call
    rows: int


@dataclass
class Passes:
    """The calls of a decode, in their order."""

    calls: list[Pass] = field(default_factory=list)

    def rows(self, kind: str) -> int:
        """How many rows went through the calls of a kind."""
        return sum(c.rows for c in self.calls if c.kind == kind)


@contextmanager
def recorded(model: HuggingFaceModel) -> Iterator[Passes]:
    """Note the sizes of the model's calls for as long as the block lasts. Costs some microseconds per call."""
    passes = Passes()
    prefill, extend = model.prefill, model.extend

    def counted_prefill(prompts: Sequence[Sequence[int]], **how: Any) -> Any:
        passes.calls.append(Pass("prefill", tuple(map(len, prompts)), len(prompts)))
        return prefill(prompts, **how)

    def counted_extend(tokens: Tensor, cache: Any, **how: Any) -> Any:
        passes.calls.append(Pass("extend", (cache.width,), len(tokens)))
        return extend(tokens, cache, **how)

    model.prefill, model.extend = counted_prefill, counted_extend  # type: ignore[method-assign]
    try:
        yield passes
    finally:
        del model.prefill, model.extend  # the class's own come back


@torch.inference_mode()
def replay(model: HuggingFaceModel, passes: Passes) -> list[Lap]:
    """The same calls of the harness's model, with its cache, on other tokens.

    Between two calls the cache is given the rows and columns of the next one where they differ; that is not counted.
    """
    cache: Any = None
    with Stopwatch(model.device) as watch:
        for call in passes.calls:
            if call.kind == "prefill":
                _, cache = model.prefill([[1] * n for n in call.lengths])
                continue
            if (len(cache), cache.width) != (call.rows, *call.lengths):
                watch.pause()
                cache = resized(model, cache, call)
                watch.go()
            model.extend(torch.ones(call.rows, dtype=torch.long, device=model.device), cache)
    return [Lap("sweep", watch.seconds, [])]


def resized(model: HuggingFaceModel, cache: Any, call: Pass) -> Any:
    """A cache of the rows and columns that a call found: this one with other rows, or else a new one."""
    (columns,) = call.lengths
    cache.select(torch.arange(call.rows, device=model.device) % len(cache))
    if cache.width != columns:
        _, cache = model.prefill([[1] * columns])
        cache.select(torch.zeros(call.rows, dtype=torch.long, device=model.device))
    return cache


@torch.inference_mode()
def without_cache(network: Any, passes: Passes) -> list[Lap]:
    """The plain network on as many tokens, each row by itself: no cache, no mask, no attention to a past."""
    with Stopwatch(network.device) as watch:
        for call in passes.calls:
            columns = max(call.lengths) if call.kind == "prefill" else 1
            tokens = torch.ones(call.rows, columns, dtype=torch.long, device=network.device)
            network(input_ids=tokens, use_cache=False, logits_to_keep=1)
    return [Lap("sweep", watch.seconds, [])]
