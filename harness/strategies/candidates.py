"""Several samples of a prompt, of which one is chosen when all have ended."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

from harness.errors import InputError
from harness.knobs import build
from harness.strategies.base import Finished, Prefill, Step, Strategy, View

if TYPE_CHECKING:
    from harness.companion import Companion
    from harness.models.base import LanguageModel


@dataclass(frozen=True, slots=True)
class State:
    """What the candidates of every request have come to."""

    length: Tensor  # [requests, candidates] tokens up to and with its eos; 0: it runs
    inner: Any  # of the strategy that samples them: tensors are [requests, candidates, ...]


@dataclass(frozen=True)
class Candidates(Strategy[State]):
    """Rows that sample independently of each other, each with draws of its own; `choose` says which is the answer."""

    inner: Strategy[Any]
    num_candidates: int
    decode: Callable[[Sequence[int]], str] | None = None

    @abstractmethod
    def choose(self, texts: Sequence[Sequence[int]], values: Sequence[Tensor]) -> tuple[int, float]:
        """Which candidate, and the score it was chosen for.

        Args:
            texts: the tokens of each candidate, a closing eos included.
            values: [tokens, len(VALUES)] of each.
        """

    @property
    def width(self) -> int:  # type: ignore[override]
        """A row per candidate."""
        return self.num_candidates

    @property
    def stochastic(self) -> bool:  # type: ignore[override]
        """Whether the candidates are."""
        return self.inner.stochastic

    @property
    def needs_hidden(self) -> bool:  # type: ignore[override]
        """Whether sampling them takes hidden states."""
        return self.inner.needs_hidden

    def tokenized(self, model: LanguageModel) -> Self:
        """The same with a way to read texts."""
        return replace(self, inner=self.inner.tokenized(model), decode=model.decode)

    def companion(self, model: LanguageModel) -> Companion | None:
        """Whoever the candidates are read by."""
        return self.inner.companion(model)

    def start(self, prefill: Prefill) -> State:
        """Every candidate at its beginning."""
        n, requests = self.num_candidates, len(prefill.history)
        hidden = None if prefill.hidden is None else prefill.hidden.repeat_interleave(n, 0)
        inner = self.inner.start(Prefill(prefill.history.repeat_interleave(n, 0), hidden))
        length = torch.zeros(requests, n, dtype=torch.int64, device=prefill.history.device)
        return State(length, _each(inner, lambda t: t.unflatten(0, (requests, n))))  # type: ignore[no-untyped-call]

    def step(self, view: View, state: State) -> tuple[Step, State]:
        """One more token of every candidate; one that has ended repeats its eos, which nobody reads."""
        rows = replace(view, limit=view.limit.repeat_interleave(self.num_candidates))
        move, inner = self.inner.step(rows, _each(state.inner, lambda t: t.flatten(0, 1)))
        length = state.length.flatten()
        tokens = torch.where(length > 0, view.history[:, -1], move.tokens)
        ends = length.new_zeros(len(length), dtype=torch.bool)
        for eos in view.eos:
            ends |= tokens == eos
        length = torch.where(ends & (length == 0), view.step + 1, length).view_as(state.length)
        inner = _each(inner, lambda t: t.unflatten(0, state.length.shape))  # type: ignore[no-untyped-call]
        return replace(move, tokens=tokens, done=(length > 0).all(1)), State(length, inner)

    @property
    def source(self) -> Callable[[View, State], Any] | None:
        """What each candidate draws from (`Sampling.source`), where the strategy that samples them says so."""
        inner = getattr(self.inner, "source", None)
        return inner and (lambda view, state: inner(view, _each(state.inner, lambda t: t.flatten(0, 1))))

    def finish(self, history: Tensor, values: Tensor, state: State, request: int) -> Finished:
        """The candidate chosen."""
        ends = [int(n) or history.shape[1] for n in state.length[request]]
        cut = [values[i, :n] for i, n in enumerate(ends)]
        best, score = self.choose([history[i, :n].tolist() for i, n in enumerate(ends)], cut)
        return Finished(history[best, : ends[best]], cut[best], score)


def sampler_of(node: Mapping[str, Any]) -> Strategy[Any]:
    """The strategy of a node `candidates`.

    Raises:
        InputError: as building it does; or its rows are not free of each other, or all candidates would be equal.
    """
    inner: Strategy[Any] = build(node, "strategy.candidates")
    if inner.width != 1 or inner.lag != 0:
        raise InputError(f"strategy.candidates.factory={node['factory']!r}: a search; candidates have to be sampled")
    if not inner.stochastic:
        raise InputError(f"strategy.candidates.factory={node['factory']!r}: all candidates would be the same text")
    return inner


def _each(state: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A state with every tensor in it changed."""
    if isinstance(state, Tensor):
        return change(state)
    if isinstance(state, tuple):
        return tuple(_each(part, change) for part in state)
    if is_dataclass(state) and not isinstance(state, type):
        return replace(state, **{f.name: _each(getattr(state, f.name), change) for f in fields(state) if f.init})
    return state
