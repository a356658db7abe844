"""What is decoded, and what comes of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError
from harness.models.base import LanguageModel
from harness.prompts import Prompt
from harness.strategies.base import Strategy

Finish = Literal["eos", "length", "context"]


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
    finish: Finish  # eos; length: max_new_tokens reached; context: the model's context is full
    score: float | None  # what a search ranked its hypotheses by


def check_room(model: LanguageModel, requests: Collection[Request]) -> None:
    """Raise InputError for a prompt that leaves no room in the model's context, or a strategy's companion's.

    And for a strategy that cannot be said in the model's tokens.
    """
    for r in requests:
        if model.context is not None and len(r.tokens) >= model.context:
            raise InputError(
                f"prompt {r.prompt.id} ({r.prompt.text[:40]!r}) has {len(r.tokens)} tokens; "
                f"{model.name} has a context of {model.context}, which leaves no room for a continuation"
            )
    beside = {s: s.tokenized(model).companion(model) for s in dict.fromkeys(r.strategy for r in requests)}
    for r in requests:
        if companion := beside[r.strategy]:
            companion.check_room(r.tokens, r.limit(model.context))
