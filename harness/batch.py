"""The requests that are decoded now: their rows, their cache, their steps, and how they end."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby, pairwise
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from harness.errors import StrategyFailed
from harness.faults import given_up, lack_of_memory, raised, unreadable, untouched
from harness.group import Group
from harness.models.base import Cache, LanguageModel, Output
from harness.nodes import Nodes
from harness.packing import Queue
from harness.placing import numbers, place
from harness.requests import Generation, Request
from harness.strategies.base import Strategy

T = TypeVar("T")

REFILL = 4
"""A batch is refilled when this part of its rows, one in four, is free: each refill adds groups with steps of their
own, which cost time a step, and a forward pass over the new prompts alone."""


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
        self._failed: dict[Strategy[Any], StrategyFailed] = {}  # whose requests in the queue are to fail too
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
        self.give_up(queue)
        free = max_rows - self.rows
        if not self.groups or (self.refill and free * REFILL >= max_rows):
            self._admit(queue.take(free, alone=not self.groups), room=max_rows if self.refill and queue else 0)
        if not self.groups:
            return
        assert self._cache is not None
        parents, tokens, self._owner = place(self.groups, self.model.vocab, self._owner, merge=self.merge)
        self._cache.select(parents)
        self._output = self.model.extend(tokens, self._cache, hidden=any(g.strategy.needs_hidden for g in self.groups))

    def give_up(self, queue: Queue) -> None:
        """End the requests that wait, of strategies that have failed: they would fail one by one."""
        for strategy, failure in self._failed.items():
            waiting = queue.drop(strategy)
            self.ended += [untouched(r, given_up(self.model.name, failure, r)) for r in waiting]
        self._failed = {}

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
            start = partial(Group.start, self.model, members, prompt, history, hidden)
            if (group := self._guarded(members, start)) is not None:
                groups.append(group)
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
        if nodes.broken is not None:
            for g in groups:
                self._guarded(g, partial(self._lose, g, nodes.peak[g.node]))
        moved = [
            (g, over)
            for g in groups
            if g.requests and (over := self._guarded(g, partial(self._move, g, nodes.mended, hidden))) is not None
        ]
        moved = [(g, over) for g, over in moved if g.requests]  # another group of its strategy may have failed since
        if not moved:
            return
        ends = torch.cat([over for _, over in moved]).tolist()
        starts = np.cumsum([0, *(len(g.requests) for g, _ in moved)])
        for (g, _), (a, b) in zip(moved, pairwise(starts), strict=True):
            if g.requests:
                self.ended += self._guarded(g, partial(g.retire, ends[a:b], self.model)) or []

    def _move(self, group: Group, nodes: Nodes, hidden: Tensor | None) -> Tensor | None:
        """One step of a group: [requests] which are over; None where no request is left."""
        peak = group.listen()
        if peak is not None and not peak.isfinite().all():
            assert group.company is not None
            self._lose(group, peak, group.company.model.name)
        return group.advance(nodes, hidden, self.model.eos) if group.requests else None

    def _lose(self, group: Group, peak: Tensor, companion: str | None = None) -> None:
        """End those requests of a group that have a row whose logits are no distribution.

        Args:
            group: before its step.
            peak: [rows, ...] the largest of each row's logits.
            companion: the name of the companion whose logits they are, if they are not the model's.
        """
        peaks = peak.reshape(len(group.requests), -1).tolist()
        wrong = [next((p for p in of if not math.isfinite(p)), None) for of in peaks]
        lost = [i for i, p in enumerate(wrong) if p is not None]
        failures = [
            unreadable(self.model.name, companion, p, group.requests[i], group.step)
            for i, p in enumerate(wrong)
            if p is not None
        ]
        ended = group.stop(lost, failures)
        group.keep([i for i, p in enumerate(wrong) if p is None], heard=True)
        self.ended += ended

    def _guarded(self, whose: Group | list[Request], act: Callable[[], T]) -> T | None:
        """What `act` returns; None if the strategy raised, and then all requests of the strategy have ended.

        Args:
            whose: the group that acts, or the requests that are to become one.
            act: runs the strategy's own code.

        Raises:
            RuntimeError, MemoryError: memory ran out.
        """
        try:
            return act()
        except Exception as error:
            if memory := lack_of_memory(error):
                raise memory from None
            self._fail(whose, error)
            return None

    def _fail(self, whose: Group | list[Request], error: Exception) -> None:
        """End all requests of a strategy that has raised: the group's, those of its other groups, later the queue's."""
        requests, step = (whose.requests, whose.step) if isinstance(whose, Group) else (whose, 0)
        failures = raised(self.model.name, error, requests, step)
        strategy, first = requests[0].strategy, failures[0]
        if isinstance(whose, Group):
            ended = whose.stop(range(len(requests)), failures)
            whose.clear()
        else:
            ended = [untouched(r, failure) for r, failure in zip(requests, failures, strict=True)]
            left = set(self.starting) - set(requests)
            self.starting = [r for r in self.starting if r in left]
        self.ended += ended
        for g in self.groups:
            if g.requests and g.requests[0].strategy == strategy:
                others = [given_up(self.model.name, first, r) for r in g.requests]
                self.ended += g.stop(range(len(others)), others)
                g.clear()
        self._failed[strategy] = first
