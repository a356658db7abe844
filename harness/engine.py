"""The one decoding loop. It knows rows, caches and time; it knows no strategy by name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby, pairwise
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from harness.errors import InputError
from harness.group import Group
from harness.knobs import PositiveCount, checked
from harness.memory import out_of_memory, release, rows_that_fit
from harness.models.base import Cache, LanguageModel, Output
from harness.nodes import Nodes
from harness.packing import Queue
from harness.placing import numbers, place
from harness.requests import Generation, Request, check_room

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

REFILL = 4
"""A batch is refilled when this part of its rows, one in four, is free: each refill adds groups with steps of their
own, which cost time a step, and a forward pass over the new prompts alone."""


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
        beside = [c.model for s in dict.fromkeys(r.strategy for r in requests) if (c := s.companion(model))]
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
            ended, running = batch.ended, batch.requests
            tried, rows = batch.rows, max(1, min(rows, batch.rows) // 2)
            yield from ended
            if batch.admitted == 1:
                raise InputError(f"{model.name}: memory does not suffice to decode one request ({error})") from error
        else:
            ended, batch.ended = batch.ended, []
            yield from ended
            if watch is not None:
                watch(batch.done, batch.left + queue.steps(rows, model.context))
            continue
        logging.getLogger(__name__).warning("out of memory with %d rows; going on with %d", tried, rows)
        batch = new()  # first, so that the old one's memory is free
        release(model.device)
        queue.put(running)


class Batch:
    """The requests that are running, their rows and their cache.

    Args:
        model: that extends the rows.
        merge, refill: see `decode`.
    """

    def __init__(self, model: LanguageModel, *, merge: bool, refill: bool) -> None:
        self.model, self.merge, self.refill = model, merge, refill
        self.groups: list[Group] = []
        self.admitted = 0  # requests so far
        self.starting: list[Request] = []  # taken from the queue, but not in a group yet
        self.ended: list[Generation] = []  # for the caller to take
        self._cache: Cache | None = None
        self._owner = torch.empty(0, dtype=torch.int64, device=model.device)  # which prompt each row of the cache has
        self._output: Output | None = None  # of the last forward pass: a node for every row of the cache

    @property
    def rows(self) -> int:
        """How many rows the running requests own; no fewer than the cache has."""
        return sum(g.rows for g in self.groups) + sum(r.strategy.width for r in self.starting)

    @property
    def requests(self) -> list[Request]:
        """The running requests."""
        return [r for g in self.groups for r in g.requests] + self.starting

    @property
    def done(self) -> float:
        """How many rows have been decoded, each counted as the share of its steps that it has made."""
        return sum(g.rows * g.step / (g.step + g.left) for g in self.groups)

    @property
    def left(self) -> int:
        """How many more steps the running requests take at most."""
        return max((g.left for g in self.groups), default=0)

    @torch.inference_mode()
    def step(self, queue: Queue, max_rows: int) -> None:
        """One more token for every running request, and a first one for those that can be started."""
        if self._output is not None:
            self._advance(self.groups, Nodes(self._output.logits), self._output.hidden)
            self._output = None  # its logits are not needed any more, and are large
        self.groups = [g for g in self.groups if g.requests]
        if not self.groups:
            self._cache = None
        free = max_rows - self.rows
        if not self.groups or (self.refill and free * REFILL >= max_rows):
            self._admit(queue.take(free, alone=not self.groups), room=max_rows if self.refill and queue else 0)
        if not self.groups:
            return
        assert self._cache is not None
        parents, tokens, self._owner = place(self.groups, self.model.vocab, self._owner, merge=self.merge)
        self._cache.select(parents)
        self._output = self.model.extend(tokens, self._cache, hidden=any(g.strategy.needs_hidden for g in self.groups))

    def _admit(self, requests: list[Request], room: int) -> None:
        """Prefill each distinct prompt, give every request rows after those of the cache, and take their first step.

        A new cache gets room for so many rows, or for those of the requests if they are more.
        """
        if not requests:
            return
        self.starting = requests  # from here on they are not lost when memory runs out
        if self._cache is not None:
            self._drop_ended(self._cache)
        self.admitted += len(requests)
        prompts = list(dict.fromkeys(r.tokens for r in requests))
        number = {p: i for i, p in enumerate(prompts)}
        room = max(room, self.rows) if self._cache is None else 0
        output, cache = self.model.prefill(prompts, hidden=any(r.strategy.needs_hidden for r in requests), room=room)
        time = max(map(len, prompts))
        history = torch.tensor([[-1] * (time - len(p)) + list(p) for p in prompts], device=self.model.device)
        order = {s: i for i, s in enumerate(dict.fromkeys(r.strategy for r in requests))}
        groups = []
        for strategy, same in groupby(sorted(requests, key=lambda r: order[r.strategy]), key=lambda r: r.strategy):
            members = list(same)
            prompt = torch.tensor([number[r.tokens] for r in members], device=self.model.device)
            hidden = output.hidden if strategy.needs_hidden else None
            groups.append(Group.start(self.model, members, prompt, history, hidden))
        self.groups, self.starting = self.groups + groups, []
        self._advance(groups, Nodes(output.logits), None if output.hidden is None else output.hidden[:, -1])
        owner = torch.arange(len(prompts), device=self.model.device)
        if self._cache is None:
            self._cache, self._owner = cache, owner
        else:
            for g in groups:
                g.node = g.node + len(self._owner)
            self._owner = torch.cat([self._owner, owner + self._owner.max() + 1])
            self._cache.join(cache)
        self.groups = [g for g in self.groups if g.requests]

    def _drop_ended(self, cache: Cache) -> Tensor:
        """Take the rows of requests that are over out of the cache, so that it never has more than are allowed.

        Returns:
            [rows] those that stay, in the order that they have now.
        """
        nodes, index = torch.unique(torch.cat([g.node for g in self.groups]), return_inverse=True)
        number = numbers(nodes, self._owner)
        order = number.argsort()
        left: Tensor = nodes[order]
        cache.select(left)
        self._owner = self._owner[left]
        for g, part in zip(self.groups, index.split([len(g.node) for g in self.groups]), strict=True):
            g.node = number[part]
        return left

    def _advance(self, groups: Sequence[Group], nodes: Nodes, hidden: Tensor | None) -> None:
        """One step of each group, and the ends of those requests that are over. One transfer for all groups."""
        if not groups:
            return
        over = torch.cat([g.advance(nodes, hidden, self.model.eos) for g in groups]).tolist()
        starts = np.cumsum([0, *(len(g.requests) for g in groups)])
        for g, (a, b) in zip(groups, pairwise(starts), strict=True):
            self.ended += g.retire(over[a:b], self.model)
