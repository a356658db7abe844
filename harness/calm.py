"""Hydra's line on standard error about a failed job, left out: the harness says itself, and once, what failed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_HYDRAS = "Error executing job with overrides:"  # printed each time that a sweeper looks at the job's result


class _Calm:
    """A stream without that line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return len(text) if text.startswith(_HYDRAS) else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def calm() -> Iterator[None]:
    """Leave the line out until the block ends."""
    stream = sys.stderr
    mine: Any = _Calm(stream)
    sys.stderr = mine
    try:
        yield
    finally:
        if sys.stderr is mine:
            sys.stderr = stream
