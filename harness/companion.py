"""Another reader of the same texts: a strategy weighs its logits against the model's.

Contrastive decoding has an amateur, classifier-free guidance the model itself under another prompt, DoLa the model's
own lower layers. The reader keeps a cache of its own with a row for each row of the group, in whatever places they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from harness.errors import InputError

if TYPE_CHECKING:
    from harness.models.base import Cache, LanguageModel


@dataclass(frozen=True)
class Companion:
    """Who reads beside the model, and after which prompt."""

    model: LanguageModel
    prompt: Callable[[tuple[int, ...]], Sequence[int]] = tuple  # the request's tokens -> those that it reads instead

    def check_room(self, tokens: tuple[int, ...], new: int) -> None:
        """Raise InputError if it cannot read a prompt of these tokens and so many new ones."""
        need, context = len(self.prompt(tokens)) + new, self.model.context
        if context is not None and need - 1 > context:  # the last token is read by nobody
            raise InputError(f"{self.model.name} has a context of {context}, and is to read texts of {need} tokens")


@dataclass
class Company:
    """A companion and what it has read: the texts of a group's rows."""

    model: LanguageModel
    cache: Cache
    logits: Tensor  # [rows, ...] after the last token

    @staticmethod
    def start(companion: Companion, prompts: Sequence[tuple[int, ...]], width: int) -> Company:
        """Read the prompts of requests that own `width` rows each."""
        output, cache = companion.model.prefill(
            [companion.prompt(p) for p in prompts], room=len(prompts) * width if width > 1 else 0
        )
        rows = torch.arange(len(prompts), device=output.logits.device).repeat_interleave(width)
        cache.select(rows)
        return Company(companion.model, cache, output.logits[rows])

    @property
    def peak(self) -> Tensor:
        """[rows, ...] the largest logit of each of a row's distributions."""
        return self.logits.amax(-1)

    def follow(self, parents: Tensor) -> None:
        """Row i becomes old row parents[i]."""
        self.cache.select(parents)

    def read(self, tokens: Tensor) -> None:
        """One more token of every row: tokens [rows]."""
        self.logits = self.model.extend(tokens, self.cache).logits[: len(tokens)]
