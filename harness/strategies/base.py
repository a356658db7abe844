"""What a decoding strategy is: one step from rows of logits to next tokens.

The first axis of every tensor is *rows*: one row is one live hypothesis. A request (one prompt under one strategy with
one seed and one sample number) owns `strategy.width` consecutive rows, and a strategy sees many requests at once
without being able to tell: `parents` never cross requests.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar

from torch import Tensor

from harness.nodes import Nodes

if TYPE_CHECKING:
    from harness.companion import Companion
    from harness.models.base import LanguageModel

S = TypeVar("S")

VALUES = ("logprob", "strategy_logprob", "entropy", "kept", "kept_mass", "rank", "gap")
"""What is recorded of every token, in this order along the last axis of `View.values`.

- `logprob`: natural log of the model's own probability of the token, before any transform.
- `strategy_logprob`: the same under the strategy's distribution; NaN for searches, which have none.
- `entropy`: of the model's own distribution at that step, in nats.
- `kept`: how many tokens the strategy's distribution left possible; NaN for searches.
- `kept_mass`: the probability of all of these under the model's own distribution, before any transform: 1 if nothing is
  forbidden; greedy: that of its token; NaN for searches.
- `rank`: how many tokens the model held to be strictly likelier than this one (0: an argmax).
- `gap`: the model's largest logit at that step minus its second largest, in nats (0: a tie), whichever was chosen.
"""


@dataclass(frozen=True, slots=True)
class Prefill:
    """What a strategy may read of the prompts before the first step."""

    history: Tensor  # [requests, time] int64, -1 where there is no token
    hidden: Tensor | None = None  # [requests, time, d_model], only if needs_hidden


@dataclass(frozen=True)
class View:
    """What a strategy sees at one step."""

    nodes: Nodes  # the untouched model output, float32 (float64 for a float64 model)
    node: Tensor  # [rows] int64: which of the nodes each row stands at
    history: Tensor  # [rows, time] int64, prompt and continuation, -1 where there is no token
    uniform: Tensor  # [rows] float64 in [0, 1): this step's draw
    values: Tensor  # [rows, step, len(VALUES)] float32: what is recorded of the continuation so far
    hidden: Tensor | None  # [rows, d_model], the state that produced these logits, only if needs_hidden
    step: int  # tokens generated so far
    eos: frozenset[int]
    limit: Tensor  # [requests] int64: the most tokens that each continuation may have
    other: Tensor | None = None  # [rows, ...] logits of the strategy's companion for the same rows; None: it has none

    @cached_property
    def logits(self) -> Tensor:
        """[rows, vocab], a copy: where `nodes` has what you need, ask it instead."""
        return self.nodes.logits[self.node]


@dataclass(frozen=True, slots=True)
class Step:
    """One move: row i becomes row parents[i] extended by tokens[i]."""

    tokens: Tensor  # [rows] int64
    parents: Tensor | None = None  # [rows] int64, indices into this view's rows; None: every row extends itself
    done: Tensor | None = None  # [requests] bool; None: a request is done when its first row's token is an eos
    logprobs: Tensor | None = None  # [rows] log-probability under the strategy's own distribution; None: a search
    kept: Tensor | None = None  # [rows] how many tokens that distribution left possible; None: a search
    kept_mass: Tensor | None = None  # [rows] the probability of these under the model's own; None: a search


@dataclass(frozen=True, slots=True)
class Finished:
    """The continuation that a request ends with."""

    tokens: Tensor  # [new tokens] int64, the continuation alone, a closing eos included
    values: Tensor  # [new tokens, len(VALUES)]
    score: float | None = None  # what a search ranked its hypotheses by


class Strategy(ABC, Generic[S]):
    """A decoding strategy. Subclasses are frozen dataclasses; what changes from step to step is returned, not kept.

    A state `S` is None, a tensor, a tuple of states, or a frozen dataclass of states. **Every tensor in a state has
    requests as its first axis**: the engine drops finished requests by indexing it.
    """

    width: int = 1  # rows a request owns (num_beams, candidates, samples)
    lag: ClassVar[int] = 0  # steps until a token in a row is final (contrastive search: 1)
    stochastic: ClassVar[bool] = False  # False: seeds and samples collapse to one request
    needs_hidden: ClassVar[bool] = False

    def preflight(self) -> None:
        """Find out, before a model is loaded, whether what it needs beside the model can be had.

        Default: what its fields find out, those that can.

        Raises:
            InputError: it cannot be had; the message names the knob.
        """
        if is_dataclass(self):
            for f in fields(self):
                if hasattr(part := getattr(self, f.name), "preflight"):
                    part.preflight()

    def companion(self, model: LanguageModel) -> Companion | None:
        """Who reads every row's text beside the model, for `View.other`. Default: nobody.

        It is asked for more than once, and has to give the same loaded model each time.

        Raises:
            InputError: there is no such reader, or it cannot read what the model writes.
        """
        return None

    def tokenized(self, model: LanguageModel) -> Self:
        """Itself, with the texts among its knobs as tokens of the model that it is to decode; of the same width.

        Strategies are made before a model is loaded. Default: what its fields say of themselves, those that can.

        Raises:
            InputError: a knob cannot be said in this model's tokens.
        """
        if not is_dataclass(self):
            return self
        told = {f.name: part for f in fields(self) if hasattr(part := getattr(self, f.name), "tokenized")}
        return replace(self, **{name: part.tokenized(model) for name, part in told.items()}) if told else self

    def start(self, prefill: Prefill) -> S:
        """The state before the first step. Default: None, no state."""
        return None  # type: ignore[return-value]

    @abstractmethod
    def step(self, view: View, state: S) -> tuple[Step, S]:
        """Choose the next token, and the parent, of every row."""

    def finish(self, history: Tensor, values: Tensor, state: S, request: int) -> Finished:
        """The continuation of one request that is done or has reached its length. Default: its first row.

        Args:
            history: [width, new tokens] the continuations of the request's rows, without the prompt.
            values: [width, new tokens, len(VALUES)].
            state: the group's state after the last step.
            request: the request's index in that state.
        """
        return Finished(history[0], values[0])
