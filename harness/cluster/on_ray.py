"""Processes decode, on this machine or on the machines of a Ray cluster (Moritz et al., 2018)."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import Field

from harness.cluster.base import Recipe
from harness.cluster.session import Session, check_ray, open_session
from harness.errors import InputError
from harness.knobs import PositiveCount, checked

if TYPE_CHECKING:
    from harness.cluster.pool import Pool
    from harness.engine import Engine, Watch
    from harness.models.base import LanguageModel
    from harness.requests import Generation, Request

C = TypeVar("C")
T = TypeVar("T")
R = TypeVar("R")

Gpus = Annotated[float, Field(ge=0, allow_inf_nan=False)]

LOSSES = 3
"""A prompt over which so many workers are lost, one after the other and without a generation of it, is given up."""

_PASSED_ON = ("OMP_", "MKL_", "HF_", "TOKENIZERS_", "TRANSFORMERS_", "CUBLAS_")
"""Environment variables that begin so are set in the workers, too: they say how libraries compute, and find files."""


@dataclass
class OnRay(AbstractContextManager["OnRay"]):
    """The cluster; see `on_ray`. Ray is started, or joined, when a model is first wanted there."""

    address: str | None
    workers: int | None
    gpus: float | None
    threads: int
    prompts: int | None
    labels: Mapping[str, str] | None
    _session: Session | None = field(default=None, repr=False)
    _calls: Iterator[int] = field(default_factory=count, repr=False)  # of `map`
    _pools: dict[float, Pool] = field(default_factory=dict, repr=False)  # by the GPUs of a worker

    def preflight(self) -> None:
        """Raise InputError where Ray is not installed, or nobody answers at the address."""
        check_ray(self.address)

    def driver(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """The node of the model, with the CPU as its device: the workers have the others."""
        off = {"device": "cpu", "device_map": None}
        return {**node, **{knob: value for knob, value in off.items() if knob in node}}

    def traits(self, model: LanguageModel, recipe: Recipe) -> dict[str, Any]:
        """Those of the first worker's model. One that differs, now or later, ends the run with an InputError.

        Raises:
            InputError: the model cannot be loaded there, or no worker can be had.
        """
        return self._pool(recipe).prepare(recipe, bits=_bits(recipe))

    def decode(
        self,
        model: LanguageModel,
        engine: Engine,
        recipe: Recipe,
        requests: Sequence[Request],
        watch: Watch | None = None,
        tick: Callable[[], None] | None = None,
    ) -> Iterator[Generation]:
        """Decode requests in the workers; see `harness.cluster.base.Cluster.decode`.

        When a worker is lost, those of its requests that have not come back run again, on the others or on a new one. A
        prompt over which workers are lost again and again ends as a failed generation.
        """
        if not requests:
            return
        from harness.cluster.sent import Sent, unpacked
        from harness.cluster.shards import Shard, prompts_each, rest, split
        from harness.faults import deserted, untouched
        from harness.progress import say

        ended: set[int] = set()
        hopeless: list[Generation] = []

        def send(worker: Any, shard: Shard) -> Any:
            return worker.decode.options(num_returns="streaming").remote(shard)

        def again(shard: Shard, reason: str) -> list[Shard]:
            left = rest(shard, ended)
            say(f"a worker was lost ({reason}); {sum(len(each.lines) for each in left)} requests run again")
            over = [requests[line.number] for each in left if each.lost >= LOSSES for line in each.lines]
            hopeless.extend(untouched(r, deserted(model.name, LOSSES, reason, r)) for r in over)
            return [each for each in left if each.lost < LOSSES]

        self._pool(recipe)  # for its size
        prompts = self.prompts or prompts_each(requests, self._size(recipe))
        shards = split(requests, recipe.strategies, prompts)
        sent: Sent
        for _, sent in self._run(recipe, shards, send, again, tick):
            ended.add(sent.number)
            yield unpacked(sent, requests[sent.number])
        yield from hopeless

    def map(
        self,
        model: LanguageModel,
        recipe: Recipe,
        make: Callable[[LanguageModel, C], Callable[[T], R]],
        common: C,
        items: Sequence[T],
        tick: Callable[[], None] | None = None,
    ) -> Iterator[R]:
        """Call a function in the workers; see `harness.cluster.base.Cluster.map`.

        Raises:
            InputError: raised there; or workers are lost over one item again and again.
        """
        if not items:
            return
        import ray

        from harness.progress import say

        losses: Counter[int] = Counter()
        self._pool(recipe)
        shared, number = ray.put(common), next(self._calls)

        def send(worker: Any, i: int) -> Any:
            return worker.apply.options(num_returns="streaming").remote(number, make, shared, items[i])

        def again(i: int, reason: str) -> list[int]:
            losses[i] += 1
            if losses[i] >= LOSSES:
                raise InputError(f"cluster=ray: {LOSSES} workers were lost over the same job; the last: {reason}")
            say(f"a worker was lost ({reason}); what it did is done again")
            return [i]

        found: dict[int, R] = {}
        due = 0
        for i, value in self._run(recipe, range(len(items)), send, again, tick):
            found[i] = value
            while due in found:
                yield found.pop(due)
                due += 1

    def __exit__(self, *_: object) -> None:
        """End the workers, and Ray if it was started for them."""
        session, self._session = self._session, None
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()
        if session is not None and session.started:
            session.close()

    def _run(
        self,
        recipe: Recipe,
        tasks: Sequence[T],
        send: Callable[[Any, T], Any],
        again: Callable[[T, str], Sequence[T]],
        tick: Callable[[], None] | None,
    ) -> Iterator[tuple[T, Any]]:
        pool, bits = self._pool(recipe), _bits(recipe)
        pool.prepare(recipe, bits=bits)  # nothing to do where `traits` was asked
        return pool.run(recipe, tasks, self._size(recipe), send, again, bits=bits, tick=tick)

    def _pool(self, recipe: Recipe) -> Pool:
        """The workers that can have the recipe's model."""
        from harness.cluster.pool import Pool

        if self._session is None:
            self._session = open_session(self.address, (self.workers or 1) * self.threads)
        gpus = self._gpus(recipe)
        if gpus not in self._pools:
            for other in self._pools.values():  # else they keep cores that these need
                other.close()
            self._pools = {gpus: Pool(partial(self._start, gpus, self._size(recipe)))}
        return self._pools[gpus]

    def _gpus(self, recipe: Recipe) -> float:
        assert self._session is not None
        if self.gpus is not None:
            return self.gpus
        return float(recipe.model.get("device") != "cpu" and self._session.resources.get("GPU", 0) >= 1)

    def _size(self, recipe: Recipe) -> int:
        """How many workers."""
        assert self._session is not None
        if self.workers is not None:
            return self.workers
        resources, gpus = self._session.resources, self._gpus(recipe)
        fit = resources.get("CPU", 0) // self.threads
        return max(1, int(min(fit, resources.get("GPU", 0) // gpus) if gpus else fit))

    def _start(self, gpus: float, size: int) -> Any:
        """A new worker; the cluster finds a place for it."""
        import ray

        from harness.cluster.worker import Worker, code_digest

        assert self._session is not None
        passed = {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}
        passed |= {
            "OMP_NUM_THREADS": str(self.threads),
            "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
        }
        sharers = -(-size // self._session.nodes) if not gpus else max(1, round(1 / gpus))
        needs: dict[str, Any] = {"num_cpus": self.threads, "num_gpus": gpus, "scheduling_strategy": "SPREAD"}
        if self.labels:
            needs["label_selector"] = dict(self.labels)
        actor: Any = ray.remote(Worker)
        path = [os.path.abspath(each) for each in sys.path]
        return actor.options(**needs).remote(path, passed, self.threads, sharers, code_digest())


def _bits(recipe: Recipe) -> bool:
    """Whether workers have to agree in what the last bits of logits depend on."""
    from harness.identity import promises_bits

    return promises_bits(recipe.engine)


@checked
def on_ray(
    address: str | None = None,
    workers: PositiveCount | None = None,
    gpus: Gpus | None = None,
    threads: PositiveCount = 1,
    prompts: PositiveCount | None = None,
    labels: dict[str, str] | None = None,
) -> OnRay:
    """Decode in several processes, each with a model of its own: the same tokens, in any number of processes.

    Every machine needs the harness itself, the same code of it, and the model's files where this one has them.

    Args:
        address: null starts Ray on this machine, and ends it; auto joins the cluster that this machine is a node of;
            HOST:PORT joins that one, of which this machine has to be a node, too.
        workers: processes, as far as there are requests for them. null: as many as find their GPUs and cores in the
            cluster. Each loads the model: on the CPU, set it where memory is short.
        gpus: of each worker: 0.5 puts two on one, 2 is for `model.device_map=auto`. null: 1 where the cluster has any,
            unless model.device=cpu.
        threads: of the CPU for each worker.
        prompts: distinct prompts that a worker is given at a time. null: so many that each worker is given several
            times some.
        labels: Ray's labels of the machines to decode on.
    """
    return OnRay(address, workers, gpus, threads, prompts, labels)
