"""Decoding whose every bit is a request's own: fixed shapes around a language model.

A matrix product adds up in an order that depends on its shape, so a row's logits differ by float rounding with the
number of rows beside it, and in bfloat16 that is enough to change tokens. Here every forward pass has a shape that the
request alone decides: prompts run one at a time, padded to the next multiple of `BUCKET` tokens, and all later steps
run in tiles of one number of rows, filled up with rows that nobody asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, cast

import torch
from torch import Tensor

from harness.engine import Engine, Watch, decode
from harness.errors import InputError, StrategyFailed
from harness.faults import given_up, untouched
from harness.knobs import PositiveCount, checked
from harness.models.base import Cache, LanguageModel, Output
from harness.packing import Queue
from harness.requests import Generation, Request, check_room
from harness.strategies.base import Strategy

BUCKET = 32
"""Prompts are padded to a multiple of so many tokens, the least that leaves long and short ones apart."""


@checked
def exact(max_rows: PositiveCount = 64) -> Engine:
    """The engine that gives the same bits whatever is decoded beside a request, in any order: `decode_exactly`."""
    return partial(decode_exactly, max_rows=max_rows)


def decode_exactly(
    model: LanguageModel, requests: Sequence[Request], *, max_rows: int = 64, watch: Watch | None = None
) -> Iterator[Generation]:
    """Decode all requests as `harness.engine.decode` does, with the same bits in any company.

    That is: the tokens, values and scores of a request depend on the model, the request, `max_rows`, the number of
    threads and the machine, and on nothing else. Tested on a CPU, in float32 and bfloat16.

    Args:
        model: any causal language model.
        requests: of any strategies, seeds and lengths, together.
        max_rows: the rows of every forward pass after the prompts. It is part of what the bits depend on.
        watch: see `harness.engine.Watch`.

    Raises:
        InputError: a prompt leaves no room in the model's context, or a strategy needs more rows than there are; raised
            before anything is decoded.
    """
    check_room(model, requests)
    for r in requests:
        if r.strategy.width > max_rows:
            raise InputError(
                f"engine.max_rows={max_rows}: {type(r.strategy).__name__} needs {r.strategy.width} rows for one request"
            )
    tiles = cast(LanguageModel, Tiles(model, max_rows))
    buckets = [list(same) for _, same in groupby(sorted(requests, key=_bucket), key=_bucket)]
    later = sum(Queue(bucket).steps(max_rows, model.context) for bucket in buckets)
    failed: dict[Strategy[Any], StrategyFailed] = {}
    for bucket in buckets:
        later -= Queue(bucket).steps(max_rows, model.context)
        for r in (r for r in bucket if r.strategy in failed):
            yield untouched(r, given_up(model.name, failed[r.strategy], r))
        left = [r for r in bucket if r.strategy not in failed]
        told = watch and partial(_told, watch, later)
        for generation in decode(tiles, left, max_rows=max_rows, refill=False, watch=told):
            if isinstance(generation.failure, StrategyFailed):
                failed.setdefault(generation.request.strategy, generation.failure)
            yield generation


def _told(watch: Watch, later: int, done: float, left: int) -> None:
    """Tell of one bucket's steps as a part of all."""
    watch(done, left + later)


def _bucket(request: Request) -> int:
    return -(-len(request.tokens) // BUCKET)


@dataclass
class Tiles:
    """A language model with one shape for all steps after the prompts; anything else is the model's own."""

    model: LanguageModel
    rows: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def alike(self, other: LanguageModel) -> LanguageModel:
        """Another model in tiles of the same size."""
        return other if isinstance(other, Tiles) else cast(LanguageModel, Tiles(other, self.rows))

    def prefill(
        self, prompts: Sequence[Sequence[int]], *, hidden: bool = False, room: int = 0
    ) -> tuple[Output, TiledCache]:
        """Run the prompts, all of one bucket, one at a time."""
        width = -(-max(map(len, prompts)) // BUCKET) * BUCKET
        if self.model.context is not None:
            width = min(width, self.model.context)
        outputs, caches = [], []
        for number, prompt in enumerate(prompts):  # only the first cache needs room: the others are joined to it
            output, cache = self.model.prefill([prompt], hidden=hidden, room=0 if number else self.rows, least=width)
            outputs.append(output)
            caches.append(cache)
        for cache in caches[1:]:
            caches[0].join(cache)
        # Hidden states are left-padded like the prompts: of these, not of the bucket.
        longest = max(map(len, prompts))
        states = [o.hidden[:, -longest:] for o in outputs if o.hidden is not None]
        logits = torch.cat([o.logits for o in outputs])
        return Output(logits, torch.cat(states) if states else None), TiledCache(caches[0], self.rows)

    def extend(self, tokens: Tensor, cache: TiledCache, *, hidden: bool = False) -> Output:
        """Run one more token per row; the logits of the rows that fill the tile come last."""
        return self.model.extend(
            torch.cat([tokens, tokens.new_zeros(self.rows - len(tokens))]), cache.inner, hidden=hidden
        )


@dataclass
class TiledCache:
    """A cache that always has the rows of a tile once it has been selected from."""

    inner: Cache
    rows: int

    def __len__(self) -> int:
        return len(self.inner)

    def select(self, rows: Tensor) -> None:
        """Row i becomes old row rows[i]; the rows that fill the tile are copies of the first, and no longer than it."""
        self.inner.select(torch.cat([rows, rows[:1].expand(self.rows - len(rows))]))
