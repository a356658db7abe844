"""Models whose logits break and strategies that fail, where a test wants them to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from harness.companion import Companion
from harness.models.base import LanguageModel, Output
from harness.strategies.base import Finished, Prefill, Step, Strategy, View
from tests.table_model import TableCache, TableModel, table_model

Text = tuple[int, ...]


@dataclass
class Poisoned(TableModel):
    """A table model whose logits after some texts are spoilt: `spoil` says by what, in [vocab] logits; None: not."""

    spoil: Callable[[Text], Callable[[Tensor], Tensor] | None] = lambda text: None
    asked: int = 0

    def prefill(self, prompts: Sequence[Sequence[int]], **knobs: Any) -> tuple[Output, TableCache]:
        output, cache = super().prefill(prompts, **knobs)
        return self._spoilt(output, cache), cache

    def extend(self, tokens: Tensor, cache: Any, *, hidden: bool = False) -> Output:
        self.asked += 1
        return self._spoilt(super().extend(tokens, cache, hidden=hidden), cache)

    def _spoilt(self, output: Output, cache: TableCache) -> Output:
        for row, text in enumerate(cache.tokens.tolist()):
            if change := self.spoil(tuple(t for t in text if t >= 0)):
                output.logits[row] = change(output.logits[row])
        return output


def poisoned(
    model: TableModel, bad: Callable[[Text], bool], value: float = torch.nan, where: int | None = 2
) -> Poisoned:
    """The model with one logit, or all (where=None), of a value after the texts that are bad."""

    def change(logits: Tensor) -> Tensor:
        logits = logits.clone()
        logits[slice(None) if where is None else where] = value
        return logits

    known = model.table, model.embedding, model.eos, model.context, model.name
    return Poisoned(*known, spoil=lambda t: change if bad(t) else None)


@dataclass(frozen=True)
class Faulty(Strategy[Tensor]):
    """The likeliest token, until something is wrong.

    Args:
        at: the step from which on it is wrong.
        how: what is wrong, given the view and the right step: returns what is returned instead, or raises.
        where: in which of its methods; `how` is of no use to the others, which raise ZeroDivisionError.
        width: rows of each request.
        tried: gets an entry each time that it goes wrong.
    """

    at: int = 0
    how: Callable[[View, Step], Any] | None = None
    where: str = "step"
    width: int = 1
    tried: list[str] = field(default_factory=list, compare=False)

    def _wrong(self, where: str) -> None:
        if self.where == where:
            self.tried.append(where)
            divided = torch.zeros(10)  # a local variable, which nobody is to keep
            _ = 1 // int(divided.sum())

    def tokenized(self, model: LanguageModel) -> Faulty:
        self._wrong("tokenized")
        return self

    def companion(self, model: LanguageModel) -> Companion | None:
        self._wrong("companion")
        return None

    def start(self, prefill: Prefill) -> Tensor:
        self._wrong("start")
        return prefill.history[:, -1]

    def step(self, view: View, state: Tensor) -> tuple[Step, Tensor]:
        step = Step(view.nodes.argmax(view.node))
        if self.where == "step" and view.step >= self.at:
            self.tried.append("step")
            if self.how is None:
                raise KeyError("a rule of mine")
            returned: Any = self.how(view, step)
            if isinstance(returned, Step):
                return returned, state
            return returned  # type: ignore[no-any-return]
        return step, state

    def finish(self, history: Tensor, values: Tensor, state: Tensor, request: int) -> Finished:
        self._wrong("finish")
        if self.where == "finished":
            self.tried.append("finished")
            assert self.how is not None
            return self.how(history, values)  # type: ignore[arg-type, no-any-return]
        return Finished(history[0], values[0])


@dataclass(frozen=True)
class Accompanied(Strategy[None]):
    """The likeliest token by the sum of two models."""

    beside: Any = field(default_factory=lambda: table_model(6, seed=5), compare=False)
    width: int = 1

    def companion(self, model: LanguageModel) -> Companion:
        return Companion(self.beside)

    def step(self, view: View, state: None) -> tuple[Step, None]:
        assert view.other is not None
        other = view.other if view.other.ndim == 2 else view.other[:, -1]
        return Step((view.logits + other).argmax(-1)), None
