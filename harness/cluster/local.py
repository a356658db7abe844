"""This process decodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from harness.cluster.base import Recipe
    from harness.engine import Engine, Watch
    from harness.models.base import LanguageModel
    from harness.requests import Generation, Request

C = TypeVar("C")
T = TypeVar("T")
R = TypeVar("R")


class Local(AbstractContextManager["Local"]):
    """The cluster that is this process."""

    def preflight(self) -> None:
        """It is there."""

    def driver(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """The model that decodes."""
        return node

    def traits(self, model: LanguageModel, recipe: Recipe) -> dict[str, Any]:
        """Of the model itself."""
        from harness.identity import traits

        return traits(model)

    def decode(
        self,
        model: LanguageModel,
        engine: Engine,
        recipe: Recipe,
        requests: Sequence[Request],
        watch: Watch | None = None,
        tick: Callable[[], None] | None = None,
    ) -> Iterator[Generation]:
        """Run the engine."""
        return engine(model, requests, watch=watch)

    def map(
        self,
        model: LanguageModel,
        recipe: Recipe,
        make: Callable[[LanguageModel, C], Callable[[T], R]],
        common: C,
        items: Sequence[T],
        tick: Callable[[], None] | None = None,
    ) -> Iterator[R]:
        """Call the function, item after item."""
        function = make(model, common)
        for item in items:
            yield function(item)
            if tick is not None:
                tick()

    def __exit__(self, *_: object) -> None:
        """Nothing was started."""


def local() -> Local:
    """Decode in this process."""
    return Local()
