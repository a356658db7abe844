"""What a contender is, and one timed piece of its work."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.speed.workload import Work


@dataclass(frozen=True, eq=False)
class Lap:
    """One timed piece of a contender's work: a cell, or the sweep as a whole."""

    name: str
    seconds: float
    texts: Sequence[Sequence[int]]  # the continuations in the order of the cells and prompts; none: a bare forward pass


@dataclass(frozen=True, eq=False)
class Contender:
    """One way to do the work. Slow ones do a part of it."""

    key: str
    title: str
    run: Callable[[Work], list[Lap]]
    part: Callable[[Work], Work] = lambda work: work
    bare: bool = False  # makes no texts: it repeats the forward passes of the sweep


class Stopwatch:
    """Wall time of a block, in seconds; waits for the device at both ends. Can be paused."""

    def __init__(self, device: Any = "cpu") -> None:
        self._cuda = str(device).startswith("cuda")
        self.seconds = 0.0
        self._start = 0.0

    def __enter__(self) -> Stopwatch:
        self.go()
        return self

    def __exit__(self, *_: object) -> None:
        self.pause()

    def go(self) -> None:
        """Count from now on."""
        self._wait()
        self._start = time.perf_counter()

    def pause(self) -> None:
        """Stop counting."""
        self._wait()
        self.seconds += time.perf_counter() - self._start

    def _wait(self) -> None:
        if self._cuda:
            import torch

            torch.cuda.synchronize()
