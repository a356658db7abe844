"""Whether a model reads from left to right: what is added after a text must not move the logits within it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.models.base import LanguageModel

Floats = NDArray[np.float64]

RELATIVE = {torch.float64: 1e-9, torch.float32: 1e-5}
"""What rounding may move a logit by, as a share of the largest: other shapes add up in another order."""
_HALF = 5e-2


@dataclass(frozen=True, eq=False)
class Causality:
    """Logits of a text by itself against those of the same places in other texts, row by row."""

    longer: Floats  # [rows] largest |difference| where more text follows
    other_start: Floats  # [rows] where the first token is another one: the rows after it have to differ
    argmax_equal: bool  # whether every row of the longer text has the same likeliest token
    allowed: float  # what rounding may make of `longer`

    @property
    def looks_back(self) -> bool:
        """Whether rows after the first depend on the first token."""
        return bool(self.other_start[1:].max(initial=0.0) > self.allowed)

    @property
    def holds(self) -> bool:
        """Whether nothing that follows was seen, while what comes first was."""
        return bool(self.longer.max() <= self.allowed) and self.looks_back


def causality(model: LanguageModel, text: Sequence[int], rest: Sequence[int]) -> Causality:
    """Compare the logits of a text, all rows of them, with those of the text and what follows.

    Args:
        model: any.
        text: at least two tokens, or there is nothing that an earlier token could move.
        rest: what follows.
    """
    rows = range(len(text))
    alone, longer, other = (
        _logits(model, each, rows) for each in (text, [*text, *rest], [(text[0] + 1) % model.vocab, *text[1:]])
    )
    return Causality(
        _largest(longer - alone),
        _largest(other - alone),
        bool((longer.argmax(-1) == alone.argmax(-1)).all()),
        allowed(model, alone),
    )


def allowed(model: LanguageModel, logits: Tensor) -> float:
    """What rounding may move these logits by, other shapes of the same computation given."""
    return RELATIVE.get(model.dtype, _HALF) * max(1.0, float(logits.abs().max()))


def _logits(model: LanguageModel, tokens: Sequence[int], rows: range) -> Tensor:
    logits, _ = model.forward([tokens], [rows])
    return torch.as_tensor(logits).double().cpu()


def _largest(difference: Tensor) -> Floats:
    return np.asarray(difference.abs().amax(-1).numpy(), dtype=np.float64)
