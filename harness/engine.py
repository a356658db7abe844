"""The one decoding loop. It knows rows, caches and time; it knows no strategy by name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal, Protocol

from harness.batch import Batch
from harness.errors import InputError
from harness.knobs import PositiveCount, checked, neutral
from harness.memory import out_of_memory, release, rows_that_fit
from harness.models.base import LanguageModel
from harness.packing import Queue
from harness.placing import place
from harness.requests import Generation, Request, check_room, companion_of

__all__ = ["Engine", "Generation", "Request", "Watch", "check_room", "decode", "fast", "place"]

Watch = Callable[[float, int], None]
"""Told after every step: how many rows have been decoded of those that run, each counted as the share of its steps that
it has made; and how many steps are left at most, as requests may end early. (A batch of a handful of rows that is
refilled with requests of other lengths has been seen to take two more.)"""


class Engine(Protocol):
    """Decodes all requests; generations come as they end, in any order."""

    def __call__(
        self, model: LanguageModel, requests: Sequence[Request], *, watch: Watch | None = None
    ) -> Iterator[Generation]:
        """See `decode`."""


MaxRows = PositiveCount | Literal["auto"]


@neutral("max_rows", "merge")
@checked
def fast(max_rows: MaxRows = "auto", merge: bool = True) -> Engine:
    """The engine whose shapes follow the batch: `decode` with these knobs."""
    return partial(decode, max_rows=max_rows, merge=merge)


def decode(
    model: LanguageModel,
    requests: Sequence[Request],
    *,
    max_rows: MaxRows = "auto",
    merge: bool = True,
    refill: bool = True,
    watch: Watch | None = None,
) -> Iterator[Generation]:
    """Decode all requests, yielding each generation as it ends; not in the order of the requests.

    When memory runs out, the requests that are running start again, half as many at a time: their draws are their own,
    so nothing changes but the time.

    A request that cannot be decoded to its end ends as a generation with `finish="failed"`, and the others go on: where
    the logits of a node are no numbers, all requests that have a row there; where a strategy raises, or returns what is
    no step, all requests of that strategy, those that wait too.

    Args:
        model: any causal language model.
        requests: of any strategies, seeds and lengths, together.
        max_rows: how many rows are decoded at once at most; a single request may own more. auto: as many as fit the
            free memory, and no more than pay (`harness.memory.rows_that_fit`).
        merge: rows with the same prompt and the same tokens so far share one row of the cache and one forward pass.
        refill: requests that wait take the rows of those that end; if not, a batch runs until its last row ends.
        watch: see `Watch`.

    Raises:
        InputError: a prompt leaves no room in the model's context, raised before anything is decoded; or memory does
            not suffice for a single request.
    """
    check_room(model, requests)
    if max_rows == "auto":
        longest = max((len(r.tokens) + r.limit(model.context) for r in requests), default=1)
        beside = [c.model for s in dict.fromkeys(r.strategy for r in requests) if (c := companion_of(s, model))]
        rows = rows_that_fit(model, longest, beside)
    else:
        rows = max_rows
    yield from run(model, Queue(requests), rows, partial(Batch, model, merge=merge, refill=refill), watch)


def run(
    model: LanguageModel, queue: Queue, rows: int, new: Callable[[], Batch], watch: Watch | None
) -> Iterator[Generation]:
    """Decode what waits in a queue, in batches of at most so many rows.

    Args:
        model: that decodes.
        queue: of requests that there is room for in the model's context.
        rows: at most, if no single request owns more.
        new: makes an empty batch.
        watch: see `Watch`.

    Raises:
        InputError: memory does not suffice for a single request.
    """
    batch = new()
    while queue or batch.groups:
        try:
            batch.step(queue, rows)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            batch.give_up(queue)
            ended, running = batch.ended, batch.requests
            tried, rows = batch.rows, max(1, min(rows, batch.rows) // 2)
            yield from ended
            if batch.admitted == 1:
                raise InputError(f"{model.name}: memory does not suffice to decode one request ({error})") from error
        else:
            batch.give_up(queue)
            ended, batch.ended = batch.ended, []
            yield from ended
            if watch is not None:
                watch(batch.done, batch.left + queue.steps(rows, model.context))
            continue
        logging.getLogger(__name__).warning("out of memory with %d rows; going on with %d", tried, rows)
        batch = new()  # first, so that the old one's memory is free
        release(model.device)
        queue.put(running)
