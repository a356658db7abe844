"""Who decodes the requests of a world, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from harness.engine import Engine, Watch
    from harness.models.base import LanguageModel
    from harness.requests import Generation, Request
    from harness.strategies.base import Strategy

C = TypeVar("C")
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Recipe:
    """How another process makes the same model, engine and strategies: their nodes of the config."""

    model: Mapping[str, Any]
    engine: Mapping[str, Any]
    strategies: Mapping[Strategy[Any], Mapping[str, Any]]  # of all requests


class Cluster(AbstractContextManager["Cluster"], Protocol):
    """The processes that decode: they run, where there are others than this one, until the `with` block ends."""

    def preflight(self) -> None:
        """Find out, before anything slow, whether they can be had.

        Raises:
            InputError: a package is missing, or nobody answers at the address.
        """

    def driver(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """The node of the model that this process loads, for tokens and references: on the CPU, where others decode."""

    def traits(self, model: LanguageModel, recipe: Recipe) -> dict[str, Any]:
        """What of the machines and models that decode can change a token (`harness.identity.traits`)."""

    def decode(
        self,
        model: LanguageModel,
        engine: Engine,
        recipe: Recipe,
        requests: Sequence[Request],
        watch: Watch | None = None,
        tick: Callable[[], None] | None = None,
    ) -> Iterator[Generation]:
        """Decode requests, yielding each generation as it ends; see `harness.engine.decode`.

        Whoever stops listening, or raises in `watch` or `tick`, stops the work.

        Args:
            model: as this process has loaded it.
            engine: as this process has built it.
            recipe: how other processes get both.
            requests: of one world.
            watch: see `harness.engine.Watch`; where several processes decode, nobody tells it anything.
            tick: called a few times a second where nobody tells `watch`, so that a signal need not wait for a text.
        """

    def map(
        self,
        model: LanguageModel,
        recipe: Recipe,
        make: Callable[[LanguageModel, C], Callable[[T], R]],
        common: C,
        items: Sequence[T],
        tick: Callable[[], None] | None = None,
    ) -> Iterator[R]:
        """What `make(model, common)(item)` gives of each item, in their order.

        Args:
            model: as this process has loaded it.
            recipe: how other processes get it.
            make: a function of a module, called once in each process with the model there.
            common: of all items, plain data.
            items: plain data, as is what comes of them.
            tick: see `decode`.
        """
