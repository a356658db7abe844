"""Which requests are decoded together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from harness.requests import Request
from harness.strategies.base import Strategy

MANY = 1024
"""Requests, from which on their steps are not counted at every refill."""


class Queue:
    """Requests that wait, in the order in which they go together best.

    Those that may become longest come first, prompt and continuation together: texts of similar length follow each
    other, so that little is padded; a lack of memory shows at once; and no long one is left over to run alone. The
    requests of one prompt stay together, so that it is prefilled once as long as they fit in a batch.

    Args:
        requests: in any order.
    """

    def __init__(self, requests: Iterable[Request]) -> None:
        requests = list(requests)
        place = {s: i for i, s in enumerate(dict.fromkeys(r.strategy for r in requests))}
        self._key = lambda r: (r.tokens, place[r.strategy], r.prompt.id, r.seed, r.sample)
        self._prompts: deque[list[Request]] = deque()
        self._steps: dict[tuple[int, int | None], tuple[int, int]] = {}  # what `steps` has said, of how many requests
        self._count = 0
        self.put(requests)

    def __len__(self) -> int:
        return self._count

    def __bool__(self) -> bool:
        return bool(self._prompts)

    def put(self, requests: Iterable[Request]) -> None:
        """Add requests, each to those of its prompt."""
        self._steps.clear()
        waiting = sorted([*requests, *(r for prompt in self._prompts for r in prompt)], key=self._key)
        prompts = [list(same) for _, same in groupby(waiting, key=lambda r: r.tokens)]
        self._prompts = deque(sorted(prompts, key=lambda same: -max(len(r.tokens) + r.max_new_tokens for r in same)))
        self._count = len(waiting)

    def drop(self, strategy: Strategy[Any]) -> list[Request]:
        """Remove the requests of a strategy."""
        self._steps.clear()
        dropped = [r for prompt in self._prompts for r in prompt if r.strategy == strategy]
        left = ([r for r in prompt if r.strategy != strategy] for prompt in self._prompts)
        self._prompts = deque(prompt for prompt in left if prompt)
        self._count -= len(dropped)
        return dropped

    def steps(self, rows: int, context: int | None) -> int:
        """How many steps these requests take at most, once nothing else runs: those of the longest of each batch.

        Counting takes a microsecond per request, so of many it is done again only when an eighth has been taken.

        Args:
            rows: that are decoded at once.
            context: of the model.
        """
        count, steps = self._steps.get((rows, context), (-1, 0))
        if count != self._count and (count < 0 or self._count < MANY or self._count * 8 <= count * 7):
            rest, steps = Queue(()), 0
            rest._prompts, rest._count = deque(map(list, self._prompts)), self._count
            while rest:
                steps += max(r.limit(context) + r.strategy.lag for r in rest.take(rows, alone=True))
            self._steps[rows, context] = self._count, steps
        return steps

    def take(self, rows: int, *, alone: bool) -> list[Request]:
        """The next requests, and remove them.

        Whole prompts as long as they fit; where not one does, a part of the next prompt's requests.

        Args:
            rows: how many rows are free.
            alone: nothing else runs, so something must be taken: the next request, whatever its width.
        """
        taken: list[Request] = []
        while self._prompts and (need := _width(self._prompts[0], rows)) <= rows:
            taken += self._prompts.popleft()
            rows -= need
        if not taken and self._prompts:
            head, number = self._prompts[0], 0
            while number < len(head) and (head[number].strategy.width <= rows or (alone and not number)):
                rows -= head[number].strategy.width
                number += 1
            taken, head[:number] = head[:number], []
            if not head:
                self._prompts.popleft()
        self._count -= len(taken)
        return taken


def _width(requests: Sequence[Request], most: int) -> int:
    """The rows that requests own together; of many, so many that they are more than `most`."""
    total = 0
    for r in requests:
        total += r.strategy.width
        if total > most:
            break
    return total
