"""Transforms one after another; their order is visible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from harness.strategies.base import View
from harness.transforms.base import Monotone, Transform, Worded

if TYPE_CHECKING:
    from harness.models.base import LanguageModel


@dataclass(frozen=True)
class Chain:
    """Transforms applied from left to right."""

    general: tuple[Transform, ...]
    monotone: tuple[Monotone, ...]  # that follow; no general one comes after them

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        """All of them, on whole rows."""
        transforms: tuple[Transform, ...] = (*self.general, *self.monotone)
        for transform in transforms:
            logits = transform(logits, view)
        return logits

    def tokenized(self, model: LanguageModel) -> Chain:
        """Itself, with every text among its knobs as tokens of a model.

        Raises:
            InputError: a knob cannot be said in this model's tokens.
        """
        return Chain(tuple(t.tokenized(model) if isinstance(t, Worded) else t for t in self.general), self.monotone)


def chain(*transforms: Transform | None) -> Chain:
    """Apply transforms from left to right; None means absent."""
    present: list[Transform] = []
    for t in transforms:
        if isinstance(t, Chain):
            present += [*t.general, *t.monotone]
        elif t is not None:
            present.append(t)
    last: list[Monotone] = []
    while present and isinstance(t := present[-1], Monotone):
        last.insert(0, t)
        present.pop()
    return Chain(tuple(present), tuple(last))
