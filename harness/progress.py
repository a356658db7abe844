"""How far the decoding is, on a terminal; nothing in a pipe or under CI."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import timedelta
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
from rich.table import Column
from rich.text import Text

from harness.report.escape import visible

console = Console(stderr=True, highlight=False)

SAMPLE = 5.0
"""Seconds that a sample text stays."""

_STEPS = 32  # the last ones, by which the next are judged: rows that end make them shorter, long texts longer
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
            BarColumn(bar_width=None, table_column=Column(ratio=1)),  # what the numbers leave of the line
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            _Rate(Column(no_wrap=True)),
            TimeElapsedColumn(Column(no_wrap=True)),
            TextColumn("left"),
            _Left(table_column=Column(no_wrap=True)),
            console=watched,
            disable=quiet(watched),
            transient=True,
            expand=True,
        )
        self._task = self._bar.add_task(visible(title), total=total, rows=0.0, seconds=None)
        self._rows = 0
        self._steps: deque[float] = deque(maxlen=_STEPS)
        self._since = float("-inf")

    def advance(self, count: int = 1, *, rows: int = 0, label: str = "", text: Callable[[], str] | None = None) -> None:
        """`count` more are done.

        Args:
            count: how many.
            rows: of the batch that they took; they are shown by the second.
            label: whose the sample is.
            text: gives a sample, shown on one line if it is not very short and the one before has been there for
                `SAMPLE` seconds.
        """
        self._rows += rows
        self._bar.update(self._task, advance=count)
        if not self._steps:  # else the next step counts them: until then it has them among those that run
            self._bar.update(self._task, rows=self._rows)
        due = not self._bar.disable and time.monotonic() - self._since >= SAMPLE
        if due and text is not None and len(sample := text()) >= _SHORTEST:
            self._since = time.monotonic()
            self._bar.sample = Text.assemble((f"{visible(label)}  ", "bold"), visible(sample[:_LONGEST]), style="dim")

    def step(self, done: float, left: int) -> None:
        """A step of decoding has been made: a `harness.engine.Watch`."""
        if self._bar.disable:
            return
        self._steps.append(time.monotonic())
        each = (self._steps[-1] - self._steps[0]) / (len(self._steps) - 1) if len(self._steps) > 1 else None
        seconds = None if each is None else each * left
        self._bar.update(self._task, rows=self._rows + done, seconds=seconds)

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


class _Left(TimeRemainingColumn):
    """The time left: what the steps left take at most, or else what is to be expected of what has been done."""

    def render(self, task: Task) -> Text:
        """As hours, minutes and seconds."""
        seconds = task.fields.get("seconds")
        if seconds is None or task.finished:
            return super().render(task)
        return Text.assemble("at most ", (str(timedelta(seconds=math.ceil(seconds))), "progress.remaining"))


class _Rate(ProgressColumn):
    """Rows a second since the start, those that still run in part; nothing while there are none."""

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
    console.print(line, markup=False, emoji=False, soft_wrap=True)
