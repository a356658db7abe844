"""A process that decodes for another. It knows nothing of who calls it: methods in, plain data out."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from harness.errors import InputError

if TYPE_CHECKING:
    from harness.cluster.sent import Sent
    from harness.cluster.shards import Shard
    from harness.engine import Engine
    from harness.models.base import LanguageModel
    from harness.strategies.base import Strategy

C = TypeVar("C")
T = TypeVar("T")
R = TypeVar("R")


class Worker:
    """Has one model at a time, and decodes shards with it.

    Args:
        path: of the caller's Python, for strategies of the user's own.
        environment: variables that torch and others read when they are imported.
        threads: of the CPU.
        sharers: how many workers share the memory of this machine, or of the GPU.
        code: the caller's `code_digest`.

    Raises:
        InputError: this machine has another version of the harness than the caller's.
    """

    def __init__(
        self, path: Sequence[str], environment: Mapping[str, str], threads: int, sharers: int, code: str
    ) -> None:
        sys.path += [each for each in path if each not in sys.path]
        os.environ.update(environment)
        import torch

        from harness import memory

        torch.set_num_threads(threads)
        memory.sharers = sharers
        self._same = code == code_digest()
        self._made = ""
        self._model: LanguageModel | None = None
        self._engine: Engine | None = None
        self._strategies: list[Strategy[Any]] = []
        self._function: tuple[int, Callable[[Any], Any]] | None = None  # of the last call of `apply`

    def prepare(self, model: Mapping[str, Any], engine: Mapping[str, Any], strategies: Sequence[Any]) -> dict[str, Any]:
        """Load the model and build the rest, if that is not what it has.

        Args:
            model: its node in the config.
            engine: its node.
            strategies: their nodes.

        Returns:
            The traits of the model here, and the processor's name under "node".

        Raises:
            InputError: as `harness.models.loading.load` and `harness.knobs.build`; the code here is not the caller's.
        """
        from harness.identity import traits
        from harness.knobs import build
        from harness.memory import release
        from harness.models.loading import load

        if not self._same:
            raise InputError(
                f"cluster=ray: the code of the harness on {os.uname().nodename} is not that of this process"
            )
        wanted = json.dumps(model, sort_keys=True, default=str)
        if self._model is None or wanted != self._made:
            self._function = None
            if self._model is not None:
                device, self._model = self._model.device, None
                release(device)
            self._model, self._made = load(model), wanted
        self._engine = build(engine, "engine")
        self._strategies = [build(node, "strategy") for node in strategies]
        return {**traits(self._model), "node": os.uname().nodename}

    def decode(self, shard: Shard) -> Iterator[Sent]:
        """Decode the requests of a shard with what was prepared; generations come as they end."""
        from harness.cluster.sent import packed

        assert self._model is not None
        assert self._engine is not None
        requests = shard.requests(self._strategies)
        number = {request: n for n, request in requests.items()}
        for generation in self._engine(self._model, list(number)):
            yield packed(number[generation.request], generation)

    def apply(self, call: int, make: Callable[[LanguageModel, C], Callable[[T], R]], common: C, item: T) -> Iterator[R]:
        """What `make(model, common)` gives of an item; it is made once for all items of a call."""
        assert self._model is not None
        if self._function is None or self._function[0] != call:
            self._function = call, make(self._model, common)
        yield self._function[1](item)


_IDLE = ("report", "studies", "inspect", "scoring", "bridges")
"""Packages of the harness that a worker never imports."""


@cache
def code_digest() -> str:
    """A hash of the code that a worker may import from the harness, as this process has it installed.

    Whoever edits it while a sweep runs would have a worker that starts later decode by other rules.
    """
    total, folder = hashlib.blake2b(digest_size=16), Path(__file__).resolve().parent.parent
    for file in sorted(folder.rglob("*.py")):
        place = file.relative_to(folder)
        if place.parts[0] not in _IDLE:
            total.update(place.as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()
