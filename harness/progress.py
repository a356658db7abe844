"""How far the decoding is, on a terminal; nothing in a pipe or under CI."""

from __future__ import annotations

import os
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

console = Console(stderr=True, highlight=False)


def quiet() -> bool:
    """Whether nobody watches: standard error is no terminal, or CI is set."""
    return not console.is_terminal or bool(os.environ.get("CI"))


class Progress:
    """A bar over the generations of a world, and one over the jobs being measured."""

    def __init__(self, title: str, total: int) -> None:
        self._bar = Bar(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=quiet(),
            transient=True,
        )
        self._task = self._bar.add_task(title, total=total)

    def advance(self, count: int = 1) -> None:
        """`count` more are done."""
        self._bar.advance(self._task, count)

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def say(line: str) -> None:
    """One line, exactly as it stands, for whoever watches the run.

    On standard error, so that standard output holds the table alone.
    """
    console.print(line, markup=False, emoji=False)
