"""DRY: a penalty that grows with the length of what would be repeated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import Field
from torch import Tensor

from harness.knobs import Count, NonNegative, PositiveCount, checked
from harness.strategies.base import View
from harness.transforms.base import Transform, Worded
from harness.transforms.history import lower, recent

if TYPE_CHECKING:
    from harness.models.base import LanguageModel

Base = Annotated[float, Field(ge=1, allow_inf_nan=False)]

BREAKERS = '\n:"*'
"""The usual ones, those of the author and of llama.cpp."""

LARGEST = 1e30
"""A penalty is at most this, so that no logit becomes -inf by it: a repetition may be the only token possible."""


@dataclass(frozen=True)
class _Dry(Worded):
    multiplier: float
    base: float
    allowed: int
    window: int
    breakers: str
    breaking: tuple[int, ...] | None = None  # the tokens with a breaker in their text; None: no model is known yet

    def tokenized(self, model: LanguageModel) -> Transform:
        breaking = [t for t in range(model.vocab) if any(c in self.breakers for c in model.decode([t]))]
        return replace(self, breaking=tuple(breaking) if self.breakers else ())

    @cached_property
    def _breaking(self) -> Tensor:
        if self.breaking is None:
            raise TypeError("dry is called before it is tokenized")
        return torch.tensor(self.breaking, dtype=torch.int64)

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        text = recent(view, self.window)
        free = (text >= 0) & ~torch.isin(text, self._breaking.to(text.device))  # tokens that a repetition may hold
        length, following = repeated(text, free), text[:, 1:]
        penalty = (self.multiplier * self.base ** (length - self.allowed).double()).clamp(max=LARGEST)
        return lower(logits, following, (length >= self.allowed) & free[:, 1:], penalty.to(logits.dtype))


def repeated(text: Tensor, free: Tensor) -> Tensor:
    """How much of the end of each row stands before each of its tokens.

    Args:
        text: [rows, n] tokens.
        free: [rows, n] bool; nothing that is counted goes beyond a token that is not.

    Returns:
        [rows, n - 1] int64: at j, how many tokens up to j are the last ones of the row.
    """
    rows, n = text.shape
    length = torch.zeros(rows, n - 1, dtype=torch.int64, device=text.device)
    alike = torch.ones_like(length, dtype=torch.bool)
    for back in range(n - 1):  # as many steps as the longest repetition has tokens
        alike = alike[:, 1:] if back else alike
        alike = alike & (text[:, : n - 1 - back] == text[:, n - 1 - back, None]) & free[:, n - 1 - back, None]
        if not alike.any():
            break
        length[:, back:] += alike
    return length


@checked
def dry(
    multiplier: NonNegative = 0.0,
    base: Base = 1.75,
    allowed_length: PositiveCount = 2,
    window: Count = 0,
    breakers: str = BREAKERS,
) -> Transform | None:
    """Lower the logit of a token that would lengthen a repetition, by more the longer it is. 0 is off.

    Where the last n tokens stand earlier in the text, and n >= allowed_length, the token that followed them there loses
    multiplier * base ** (n - allowed_length); the longest such n counts. The prompt is part of the text.

    Source: p-e-w (2024), text-generation-webui, pull 5677; as llama.cpp does it, but a breaker is one character.
    Oracle: a double loop in the tests, written from that description.

    Args:
        multiplier: 0.8 is usual.
        base: 1.75 is usual.
        allowed_length: repetitions up to this length cost nothing; the first penalty is that of one token more.
        window: how many of the last tokens are looked at, 0 is all of them (llama.cpp's dry_penalty_last_n, for which
            -1 is all and 0 is off).
        breakers: characters. A token that has one in its text is never part of a repetition, nor penalised.
    """
    return _Dry(multiplier, base, allowed_length, window, breakers) if multiplier > 0.0 else None
