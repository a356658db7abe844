"""The finished hypotheses of a beam search, for many requests at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from harness.strategies.base import VALUES, View
from harness.values import token_values


@dataclass(frozen=True, slots=True)
class Hypotheses:
    """The best finished hypotheses of every request, best first. A slot with score -inf is empty."""

    scores: Tensor  # [requests, size]
    tokens: Tensor  # [requests, size, time] int64, -1 beyond the end of a hypothesis
    values: Tensor  # [requests, size, time, len(VALUES)] float32

    @staticmethod
    def none(requests: int, size: int, device: torch.device) -> Hypotheses:
        """Empty slots only. The scores take the dtype of those that are added, as float32 gives way to float64."""
        return Hypotheses(
            torch.full((requests, size), -torch.inf, device=device),
            torch.empty(requests, size, 0, dtype=torch.int64, device=device),
            torch.empty(requests, size, 0, len(VALUES), device=device),
        )

    @property
    def worst(self) -> Tensor:
        """[requests] the score that a hypothesis has to beat; -inf while a slot is empty."""
        return self.scores[:, -1]

    def add(self, scores: Tensor, tokens: Tensor, values: Tensor) -> Hypotheses:
        """The best of these and the given ones, as many as there are slots; among equals the earlier stay in front.

        Args:
            scores: [requests, n]; -inf: not a hypothesis.
            tokens: [requests, n, time], at least as long as those kept so far.
            values: [requests, n, time, len(VALUES)].
        """
        size = self.scores.shape[1]
        best = torch.cat([self.scores, scores], 1).sort(descending=True, stable=True)
        at = best.indices[:, :size, None]
        longer = tokens.shape[2] - self.tokens.shape[2]
        tokens = torch.cat([pad(self.tokens, (0, longer), value=-1), tokens], 1)
        values = torch.cat([pad(self.values, (0, 0, 0, longer), value=torch.nan), values], 1)
        return Hypotheses(best.values[:, :size], tokens.take_along_dim(at, 1), values.take_along_dim(at[..., None], 1))


def continuations(view: View, rows: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """The continuations of rows [requests, n], each with one more token, and the values of all their tokens."""
    flat, new = rows.flatten(), tokens.flatten()
    history = torch.cat([view.history[flat, view.history.shape[1] - view.step :], new[:, None]], 1)
    values = torch.cat([view.values[flat], token_values(view.nodes, view.node[flat], new)[:, None]], 1)
    return history.view(*rows.shape, -1), values.view(*rows.shape, *values.shape[1:])
