"""What transforms ask of the tokens before a step."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.strategies.base import View


def recent(view: View, window: int = 0) -> Tensor:
    """[rows, n] the last tokens of prompt and continuation, all of them if `window` is 0; -1 where there is none."""
    return view.history[:, -window:]


def written(view: View, window: int = 0) -> Tensor:
    """[rows, n] the last tokens of the continuation alone, all of them if `window` is 0; n may be 0, and none is -1."""
    count = min(view.step, window) if window else view.step
    return view.history[:, view.history.shape[1] - count :]


def lower(logits: Tensor, tokens: Tensor, where: Tensor, by: Tensor | float = torch.inf) -> Tensor:
    """Logits, some of them lowered; of several claims on one token the largest counts.

    Args:
        logits: [rows, vocab].
        tokens: [rows, n] which logits; where `where` is false it may be -1.
        where: [rows, n] bool: which of these claims hold.
        by: [rows, n] by how much, at least 0; inf forbids.
    """
    tokens = tokens.clamp(min=0)
    at = logits.gather(1, tokens)
    return logits.scatter_reduce(1, tokens, torch.where(where, at - by, at), "amin")
