"""Workers on a Ray cluster, and tasks handed to them until all are done."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from harness.cluster.base import Recipe
from harness.errors import InputError

T = TypeVar("T")

IN_A_ROW = 10
"""So many losses, with nothing by any worker between them, are no task's fault."""

START = 600.0
"""Seconds that a cluster has to start a worker when none is there, as others may be using it."""

TICK = 0.25
"""Seconds between two calls of who wants to stop."""


@dataclass
class Pool:
    """The workers; they stay for the next world. One that is lost is replaced, elsewhere where its machine is gone."""

    start: Callable[[], Any]  # an actor of `harness.cluster.worker.Worker`
    about: dict[str, Any] | None = None  # what all workers have to agree in
    _workers: list[Any] = field(default_factory=list)
    _starting: dict[Any, Any] = field(default_factory=dict)  # what `prepare` will return -> worker
    _idle: list[Any] = field(default_factory=list)
    _busy: dict[Any, tuple[Any, Any]] = field(default_factory=dict)  # stream -> the worker that makes it, of what task
    _losses: int = 0  # since the last thing that came
    _since: float = 0.0  # when something happened last

    def prepare(self, recipe: Recipe, *, bits: bool) -> dict[str, Any]:
        """Have one worker at least ready for a world, and every other on its way; the traits of the models there.

        Args:
            recipe: of the world.
            bits: whether workers have to agree in what the last bits of logits depend on, too.
        """
        self.about = None
        self._idle, self._starting, self._losses, self._since = [], {}, 0, time.monotonic()
        for worker in self._workers:
            self._ask(worker, recipe)
        while not self._idle:
            self._grow(1, recipe)
            self._wait(recipe, bits)
        assert self.about is not None
        return {name: value for name, value in self.about.items() if name != "node"}

    def run(
        self,
        recipe: Recipe,
        tasks: Sequence[T],
        size: int,
        send: Callable[[Any, T], Any],
        again: Callable[[T, str], Sequence[T]],
        *,
        bits: bool,
        tick: Callable[[], None] | None,
    ) -> Iterator[tuple[T, Any]]:
        """Hand tasks to workers; what comes of them, each with its task, as it comes.

        Args:
            recipe: that workers are prepared for.
            tasks: in the order in which they are begun.
            size: how many workers.
            send: gives a worker a task; returns Ray's stream of what comes of it.
            again: what is to be done in the place of a task whose worker was lost, for what reason.
            bits: see `prepare`.
            tick: called a few times a second; may raise.

        Raises:
            InputError: raised in a worker; workers are lost whatever they do, or none can start; they differ.
        """
        waiting = deque(tasks)
        self._losses, self._since = 0, time.monotonic()
        try:
            while waiting or self._busy:
                if tick is not None:
                    tick()
                self._grow(min(size, len(waiting) + len(self._busy)), recipe)
                while waiting and self._idle:
                    worker, task = self._idle.pop(), waiting.popleft()
                    self._busy[send(worker, task)] = (worker, task)
                for stream in self._wait(recipe, bits):
                    worker, task = self._busy[stream]
                    try:
                        value = _next(stream)
                    except _Lost as lost:
                        del self._busy[stream]
                        self._drop(worker, lost)
                        waiting.extendleft(reversed(again(task, str(lost))))
                    except StopIteration:
                        del self._busy[stream]
                        self._idle.append(worker)
                    else:
                        self._losses = 0
                        yield task, value
        finally:  # who stops listening stops the work
            for worker, _ in self._busy.values():
                self._kill(worker)
            self._busy.clear()

    def close(self) -> None:
        """End all workers."""
        for worker in list(self._workers):
            self._kill(worker)

    def _grow(self, size: int, recipe: Recipe) -> None:
        while len(self._workers) < size:
            self._workers.append(self.start())
            self._ask(self._workers[-1], recipe)

    def _ask(self, worker: Any, recipe: Recipe) -> None:
        nodes = dict(recipe.model), dict(recipe.engine), [dict(node) for node in recipe.strategies.values()]
        self._starting[worker.prepare.remote(*nodes)] = worker

    def _wait(self, recipe: Recipe, bits: bool) -> list[Any]:
        """Streams that have something new; workers that are ready become idle."""
        import ray

        ready, _ = ray.wait([*self._starting, *self._busy], num_returns=1, timeout=TICK)
        if ready or self._busy:
            self._since = time.monotonic()
        elif not self._idle and time.monotonic() - self._since > START:
            raise InputError(
                f"cluster=ray: no worker could start within {START:.0f} seconds; the cluster has "
                f"{_amounts(ray.cluster_resources())}, of which {_amounts(ray.available_resources())} are free"
            )
        for ref in [each for each in ready if each in self._starting]:
            worker = self._starting.pop(ref)
            try:
                self._agree(_get(ref), recipe, bits)
            except _Lost as lost:
                self._drop(worker, lost)
            else:
                self._idle.append(worker)
        return [each for each in ready if each in self._busy]

    def _agree(self, about: dict[str, Any], recipe: Recipe, bits: bool) -> None:
        """Texts that other devices, libraries or weights make are no others' texts: they must not be mixed."""
        first = self.about = self.about or about
        names = set(first) - {"node"} - (set() if bits else {"bits"})
        if differ := [name for name in sorted(names) if first[name] != about.get(name)]:
            shown = "; ".join(f"{name}: {first[name]} and {about.get(name)}" for name in differ)
            raise InputError(
                f"cluster=ray: the workers on {first['node']} and {about['node']} would not decode alike ({shown}); "
                "cluster.labels can choose machines of one kind"
            )

    def _drop(self, worker: Any, lost: _Lost) -> None:
        self._kill(worker)
        self._losses += 1
        if self._losses >= IN_A_ROW:
            raise InputError(
                f"cluster=ray: {self._losses} workers in a row were lost, the last: {lost}; "
                "where memory is short, fewer cluster.workers or a smaller engine.max_rows help"
            )

    def _kill(self, worker: Any) -> None:
        import ray

        ray.kill(worker)
        self._workers.remove(worker)


class _Lost(Exception):
    """A worker, its machine, or the way to it is gone."""


def _next(stream: Any) -> Any:
    """The next of a stream; `StopIteration` where it is over."""
    return _get(next(stream))


def _get(ref: Any) -> Any:
    """What a worker has returned; what it has raised is raised here, of the same class and with the same message."""
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        return ray.get(ref)
    except RayTaskError as error:
        if isinstance(error.cause, InputError):
            raise error.cause from None
        raise
    except RayError as error:
        raise _Lost(_reason(error)) from None


def _reason(error: Exception) -> str:
    """The first sentence of what Ray has to say."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0].split(". ")[0].rstrip(".") if lines else type(error).__name__)[:200]


def _amounts(resources: dict[str, float]) -> str:
    return ", ".join(f"{resources.get(name, 0):g} {name}s" for name in ("CPU", "GPU"))
