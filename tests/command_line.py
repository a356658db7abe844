"""Command lines run in this process: how they end, what they print, and what they leave in their folder."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from unittest.mock import patch

PATIENCE = 20
"""Seconds of computing that a command line with a mistake may take; waiting may take ten times as long."""


class Hangs(BaseException):
    """A command took longer than `PATIENCE`. No `except Exception` of the code under test keeps it."""


@dataclass(frozen=True)
class End:
    """How a command ended."""

    code: int
    out: str
    err: str  # of the process: what a library writes past Python is in it

    def message(self) -> str:
        """The one sentence that a mistake is told in.

        Raises:
            AssertionError: the command did not end as it does for a mistake.
        """
        assert self.code == 1, f"exit code {self.code}\n{self.out}\n{self.err}"
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("error: "), self.err
        assert "Traceback" not in self.err, self.err
        assert len(lines[0]) < 2000, f"{len(lines[0])} characters: {lines[0][:300]}"
        return lines[0].removeprefix("error: ")


def run(main: Callable[[], None], *arguments: str, folder: Path) -> End:
    """What `main` does with these arguments, called from `folder`. Other exceptions than SystemExit pass through."""
    code, path = 0, list(sys.path)
    with tempfile.TemporaryDirectory() as place:
        files = Path(place, "out"), Path(place, "err")
        with _written_to(*files), _alarm(), contextlib.chdir(folder), patch.object(sys, "argv", ["x", *arguments]):
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            finally:
                sys.path[:] = path
        return End(code, *(file.read_text("utf-8", "replace") for file in files))


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file in a folder and its bytes; folders and what else there is, None."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() and os.access(path, os.R_OK) else None
        for path in sorted(folder.rglob("*"))
    }


@contextlib.contextmanager
def _written_to(out: Path, err: Path) -> Iterator[None]:
    """Put into files what goes to standard output and error, from Python and past it."""
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(file.open("w", encoding="utf-8", buffering=1)) for file in (out, err)]
        for number, stream in enumerate(streams, 1):
            stack.callback(_restore, os.dup(number), number)
            os.dup2(stream.fileno(), number)
        stack.enter_context(contextlib.redirect_stdout(streams[0]))
        stack.enter_context(contextlib.redirect_stderr(streams[1]))
        yield


def _restore(copy: int, number: int) -> None:
    os.dup2(copy, number)
    os.close(copy)


@contextlib.contextmanager
def _alarm() -> Iterator[None]:
    def ring(_: int, __: FrameType | None) -> None:
        raise Hangs

    clocks = [(signal.SIGALRM, signal.ITIMER_REAL, 10 * PATIENCE), (signal.SIGPROF, signal.ITIMER_PROF, PATIENCE)]
    before = [signal.signal(number, ring) for number, _, _ in clocks]
    for _, clock, seconds in clocks:
        signal.setitimer(clock, seconds)
    try:
        yield
    finally:
        for (number, clock, _), handler in zip(clocks, before, strict=True):
            signal.setitimer(clock, 0)
            signal.signal(number, handler)
