"""What is decoded, and what comes of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.companion import Companion
from harness.errors import DecodingFailed, InputError
from harness.models.base import LanguageModel
from harness.prompts import Prompt
from harness.strategies.base import Strategy

Finish = Literal["eos", "length", "context", "failed"]


@dataclass(frozen=True, eq=False)
class Request:
    """One prompt under one strategy with one seed and one sample number."""

    prompt: Prompt
    tokens: tuple[int, ...]  # of the prompt
    strategy: Strategy[Any]
    max_new_tokens: int
    seed: int = 0
    sample: int = 0

    def limit(self, context: int | None) -> int:
        """The most tokens that its continuation may have in a model with this context."""
        return self.max_new_tokens if context is None else min(self.max_new_tokens, context - len(self.tokens))


@dataclass(frozen=True, eq=False)
class Generation:
    """A finished continuation."""

    request: Request
    tokens: tuple[int, ...]  # a closing eos included
    values: NDArray[np.float32]  # [tokens, len(VALUES)]
    finish: Finish  # eos; length: max_new_tokens reached; context: the model's context is full; failed
    score: float | None  # what a search ranked its hypotheses by
    failure: DecodingFailed | None = None  # why it failed; tokens and values are then those before


def check_room(model: LanguageModel, requests: Collection[Request]) -> None:
    """Raise InputError for a prompt that leaves no room in the model's context, or a strategy's companion's.

    And for a strategy that cannot be said in the model's tokens. One that raises anything else is let through: that is
    said of its own requests alone, when they are decoded.
    """
    for r in requests:
        if model.context is not None and len(r.tokens) >= model.context:
            raise InputError(
                f"prompt {r.prompt.id} ({r.prompt.text[:40]!r}) has {len(r.tokens)} tokens; "
                f"{model.name} has a context of {model.context}, which leaves no room for a continuation"
            )
    beside = {s: companion_of(s, model) for s in dict.fromkeys(r.strategy for r in requests)}
    for r in requests:
        if companion := beside[r.strategy]:
            with _mistakes_alone():
                companion.check_room(r.tokens, r.limit(model.context))


def companion_of(strategy: Strategy[Any], model: LanguageModel) -> Companion | None:
    """Who reads beside the model; None as well where the strategy raises something that is no InputError."""
    with _mistakes_alone():
        return strategy.tokenized(model).companion(model)
    return None


@contextmanager
def _mistakes_alone() -> Iterator[None]:
    """Of what a strategy's own code raises, let InputError through alone."""
    try:
        yield
    except InputError:
        raise
    except Exception:
        return
