"""A step's view, made by hand."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from harness.nodes import Nodes
from harness.strategies.base import VALUES, View


def view_of(
    logits: Tensor,
    history: Tensor | None = None,
    *,
    step: int = 0,
    eos: Iterable[int] = (),
    limit: int = 10,
    uniform: Tensor | None = None,
    requests: int | None = None,
) -> View:
    """A row for each row of the logits; without a history each has read token 0; without draws each has 0."""
    rows = len(logits)
    return View(
        Nodes(logits),
        torch.arange(rows),
        torch.zeros(rows, 1, dtype=torch.int64) if history is None else history,
        torch.zeros(rows, dtype=torch.float64) if uniform is None else uniform,
        torch.zeros(rows, step, len(VALUES)),
        None,
        step,
        frozenset(eos),
        torch.full((requests or rows,), limit),
    )
