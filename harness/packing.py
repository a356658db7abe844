"""Which requests are decoded together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import groupby

from harness.requests import Request


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
        self._steps: dict[tuple[int, int | None], int] = {}  # what `steps` has said, which takes it milliseconds
        self.put(requests)

    def __len__(self) -> int:
        return sum(map(len, self._prompts))

    def __bool__(self) -> bool:
        return bool(self._prompts)

    def put(self, requests: Iterable[Request]) -> None:
        """Add requests, each to those of its prompt."""
        self._steps.clear()
        waiting = sorted([*requests, *(r for prompt in self._prompts for r in prompt)], key=self._key)
        prompts = [list(same) for _, same in groupby(waiting, key=lambda r: r.tokens)]
        self._prompts = deque(sorted(prompts, key=lambda same: -max(len(r.tokens) + r.max_new_tokens for r in same)))

    def steps(self, rows: int, context: int | None) -> int:
        """How many steps these requests take at most, once nothing else runs: those of the longest of each batch.

        Args:
            rows: that are decoded at once.
            context: of the model.
        """
        if (rows, context) not in self._steps:
            rest, steps = Queue(()), 0
            rest._prompts = deque(map(list, self._prompts))
            while rest:
                steps += max(r.limit(context) + r.strategy.lag for r in rest.take(rows, alone=True))
            self._steps[rows, context] = steps
        return self._steps[rows, context]

    def take(self, rows: int, *, alone: bool) -> list[Request]:
        """The next requests, and remove them.

        Whole prompts as long as they fit; where not one does, a part of the next prompt's requests.

        Args:
            rows: how many rows are free.
            alone: nothing else runs, so something must be taken: the next request, whatever its width.
        """
        self._steps.clear()
        taken: list[Request] = []
        while self._prompts and (need := sum(r.strategy.width for r in self._prompts[0])) <= rows:
            taken += self._prompts.popleft()
            rows -= need
        if taken or not self._prompts:
            return taken
        head = self._prompts[0]
        while head and (head[0].strategy.width <= rows or (alone and not taken)):
            rows -= head[0].strategy.width
            taken.append(head.pop(0))
        if not head:
            self._prompts.popleft()
        return taken
