"""SIGINT and SIGTERM: a run finishes its step, keeps what it has, and says how it goes on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """The process was told to end. No `Exception`: nobody who handles errors may go on."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def code(self) -> int:
        """The exit code that shells expect: 130 for SIGINT, 143 for SIGTERM."""
        return 128 + self.number


class Signals:
    """Raises `Stopped` for the first signal: at the next `check` while a step must not be cut, else at once."""

    def __init__(self) -> None:
        self._inside = 0
        self._caught: int | None = None

    def check(self) -> None:
        """Between two steps: raise what has come."""
        if self._caught is not None:
            raise Stopped(self._caught)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """While this runs a first signal waits for `check`, or for the end of the block."""
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
        if not self._inside:
            self.check()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        again, self._caught = self._caught is not None, number
        if again or not self._inside:
            raise Stopped(number)
        from harness.progress import say  # rich takes a while

        say("stopping after this step; once more to stop at once")


@contextmanager
def signals() -> Iterator[Signals]:
    """Handle SIGINT and SIGTERM until the block ends; elsewhere than in the main thread nothing is changed."""
    found = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield found
        return
    before = {number: signal.signal(number, found._handle) for number in SIGNALS}
    try:
        yield found
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
