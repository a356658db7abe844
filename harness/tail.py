"""What is asked of whole rows of logits where only their likeliest tokens have been sorted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.nodes import Nodes, chunks, sums


@dataclass(frozen=True)
class Tail:
    """Whole rows of logits, and what they have been divided by since.

    Rows of one strategy that stand at one node have one temperature: it comes of the node's logits alone. So where many
    rows stand at few nodes, everything is worked out once for each node.
    """

    nodes: Nodes
    node: Tensor  # [rows]
    temperatures: tuple[float | Tensor, ...] = ()  # above 0; a tensor: [rows], one for each row

    def total(self) -> tuple[Tensor, Tensor]:
        """[rows] float64 sum of exp((logit - peak) / temperatures), and how many of its terms are possible tokens.

        The sum is taken as 1 / the largest of the softmax: 68 µs a row of 50,257, where exp and sum take 170.
        """
        at, temperatures, back = self._once()
        mass, possible = torch.empty(len(at), dtype=torch.float64, device=at.device), torch.empty_like(at)
        for rows in chunks(self.nodes.logits, len(at)):
            logits, possible[rows] = self._rows(at[rows])
            if temperatures:
                logits = self._tempered(logits, at, rows, temperatures)
            mass[rows] = logits.softmax(-1, dtype=torch.float64).amax(-1).reciprocal()
        return mass[back], possible[back]

    def entropy(self) -> tuple[Tensor, Tensor, Tensor]:
        """[rows] float64 entropy of the softmax after the temperatures, in nats; and `total`, which it takes along."""
        at, temperatures, back = self._once()
        mass, possible = torch.empty(len(at), dtype=torch.float64, device=at.device), torch.empty_like(at)
        mean = torch.empty_like(mass)  # of (logit - peak) / temperatures
        for rows in chunks(self.nodes.logits, len(at)):
            logits, possible[rows] = self._rows(at[rows])
            below = self._tempered(logits, at, rows, temperatures)
            weights = below.softmax(-1)
            mass[rows] = weights.amax(-1).reciprocal()
            if (below.amin(-1) == -torch.inf).any():
                below.clamp_(min=torch.finfo(below.dtype).min)  # so that 0 * -inf does not become nan
            mean[rows] = sums(below.mul_(weights))
        return (mass.log() - mean)[back], mass[back], possible[back]

    def deviation(self) -> Tensor:
        """[rows] float64 standard deviation of the possible tokens' logits after the temperatures (all: no n - 1)."""
        at, temperatures, back = self._once()
        found = torch.empty(len(at), dtype=torch.float64, device=at.device)
        for rows in chunks(self.nodes.logits, len(at)):
            logits, possible = self._rows(at[rows])
            below = self._tempered(logits, at, rows, ())
            forbidden = below == -torch.inf if int(possible.min()) < self.nodes.vocab else None
            if forbidden is not None:
                below.masked_fill_(forbidden, 0.0)
            below -= (sums(below) / possible)[:, None]
            if forbidden is not None:
                below.masked_fill_(forbidden, 0.0)
            found[rows] = (sums(below.square_()) / possible).sqrt_()
        for temperature in temperatures:
            found = found / temperature
        return found[back]

    def _once(self) -> tuple[Tensor, tuple[float | Tensor, ...], Tensor | slice]:
        """The nodes to look at, their temperatures, and what takes their values back to rows."""
        if len(self.node) <= len(self.nodes):
            return self.node, self.temperatures, slice(None)
        at = torch.arange(len(self.nodes), device=self.node.device)
        of = tuple(
            each.new_ones(len(at)).scatter(0, self.node, each) if isinstance(each, Tensor) else each
            for each in self.temperatures
        )
        return at, of, self.node

    def _rows(self, at: Tensor) -> tuple[Tensor, Tensor]:
        """The logits of some nodes, and how many of each are possible."""
        logits, possible = self.nodes.logits[at], torch.full_like(at, self.nodes.vocab)
        if (logits.amin(-1) == -torch.inf).any():  # counting takes 15 times as long as the minimum
            possible = (logits > -torch.inf).sum(-1)
        return logits, possible

    def _tempered(self, logits: Tensor, at: Tensor, rows: slice, temperatures: tuple[float | Tensor, ...]) -> Tensor:
        """Float64 logits below a peak of 0, divided by the temperatures of these rows."""
        below = logits.double() - self.nodes.peak[at[rows], None].double()
        for temperature in temperatures:
            below = tempered(below, temperature[rows] if isinstance(temperature, Tensor) else temperature)
        return below


def tempered(values: Tensor, temperature: float | Tensor) -> Tensor:
    """Float64 logits below a peak of 0, divided by a temperature; both limits exact.

    Args:
        values: [rows, n].
        temperature: of all rows; or [rows], of each, above 0 and finite.
    """
    if isinstance(temperature, Tensor):
        return values / temperature[:, None]
    if temperature == 0.0:
        return torch.zeros_like(values).masked_fill_(values < 0, -torch.inf)
    if temperature == math.inf:
        return torch.zeros_like(values).masked_fill_(values == -torch.inf, -torch.inf)
    return values / temperature
