"""How far the decoding is, on a terminal; nothing in a pipe or under CI."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from types import TracebackType

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.text import Text

from harness.report.escape import visible

console = Console(stderr=True, highlight=False)

SAMPLE = 5.0
"""Seconds that a sample text stays."""

_SHORTEST, _LONGEST = 20, 1000  # characters of a sample: what ends at once says little; no terminal is wider


def quiet(watched: Console | None = None) -> bool:
    """Whether nobody watches: standard error is no terminal that can redraw a line, or CI is set."""
    watched = watched or console
    return not watched.is_terminal or watched.is_dumb_terminal or bool(os.environ.get("CI"))


class Progress:
    """A bar over the generations of a world, or over the jobs being measured; below it a sample of the texts.

    Args:
        title: what is done.
        total: how many times.
        watched: where to show it; None: standard error.
    """

    def __init__(self, title: str, total: int, watched: Console | None = None) -> None:
        watched = watched or console
        self._bar = _Bar(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=watched,
            disable=quiet(watched),
            transient=True,
        )
        self._task = self._bar.add_task(visible(title), total=total, rows=0)
        self._rows = 0
        self._since = float("-inf")

    def advance(self, count: int = 1, *, rows: int = 0, label: str = "", text: str = "") -> None:
        """`count` more are done.

        Args:
            count: how many.
            rows: of the batch that they took; they are shown by the second.
            label: whose the sample is.
            text: a sample, shown on one line if it is not very short and the one before has been there for `SAMPLE`
                seconds.
        """
        self._rows += rows
        self._bar.update(self._task, advance=count, rows=self._rows)
        due = not self._bar.disable and time.monotonic() - self._since >= SAMPLE
        if due and len(text) >= _SHORTEST:
            self._since = time.monotonic()
            self._bar.sample = Text.assemble((f"{visible(label)}  ", "bold"), visible(text[:_LONGEST]), style="dim")

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


class _Bar(Bar):
    """A bar with one line below it."""

    sample: Text | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bar, and the sample cut to the width of the terminal."""
        yield from super().get_renderables()
        if self.sample is not None:
            line = self.sample.copy()
            line.truncate(self.console.width, overflow="ellipsis")
            yield line


class _Rate(ProgressColumn):
    """Rows a second since the start; nothing while there are none."""

    def render(self, task: Task) -> Text:
        """As few digits as say it."""
        rows = task.fields.get("rows", 0)
        if not rows or not task.elapsed:
            return Text("")
        return Text(f"{rows / task.elapsed:,.{0 if rows >= 10 * task.elapsed else 1}f} rows/s", style="dim")


def say(line: str) -> None:
    """One line, exactly as it stands, for whoever watches the run.

    On standard error, so that standard output holds the table alone.
    """
    console.print(line, markup=False, emoji=False)
