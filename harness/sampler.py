"""From a distribution and a draw to a token: the inverse of the cdf over tokens sorted by falling probability.

Sorted, because then under one draw a lower temperature, or a smaller nucleus, never picks a token of lower rank: two
settings of one knob differ only where the setting makes them differ (a monotone coupling).

Sorting a vocabulary takes longer than the model that made the logits, so `draw` sorts a prefix, works out what the
transforms leave of it, and takes more of the vocabulary for those rows alone whose nucleus or draw lies beyond.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from harness.errors import InputError
from harness.nodes import Nodes, Prefix, chunks
from harness.tail import Tail, tempered

SECOND = 4096
"""How many tokens are sorted for the rows that need more than `PREFIX`, before the whole vocabulary."""


@dataclass(frozen=True)
class Ranked:
    """The distribution of every row over its likeliest tokens, in falling order: what monotone transforms act on."""

    values: Tensor  # [rows, k] float64 logits, the first of each row 0; -inf: forbidden
    tokens: Tensor  # [rows, k]
    certain: Tensor  # [rows] how many tokens from the left are surely these
    sure: Tensor  # [rows] bool: nothing that was asked so far depends on tokens beyond k
    tail: Tail | None  # of the rows' other tokens; None: they are all forbidden

    @staticmethod
    def of(nodes: Nodes, node: Tensor, k: int) -> Ranked:
        """The first k tokens of rows that stand at `node`."""
        first = nodes.prefix.at(node) if k == nodes.first else Prefix.of(nodes.logits[node], k)
        values = first.values.double() - first.values[:, :1].double()
        return Ranked(values, first.tokens, first.certain, torch.ones_like(node, dtype=torch.bool), Tail(nodes, node))

    @property
    def complete(self) -> bool:
        """Whether these are all tokens there are."""
        return self.tail is not None and self.values.shape[1] == self.tail.nodes.vocab

    def within(self) -> Tensor:
        """[rows] bool: no possible token lies beyond k."""
        if self.tail is None or self.complete:
            return torch.ones_like(self.sure)
        return self.values[:, -1] == -torch.inf

    def total(self) -> tuple[Tensor, Tensor]:
        """[rows] float64 sum of all weights, and how many tokens are possible."""
        if self.tail is not None:
            return self.tail.total()
        # The last of the running sum, because on a CPU that does not depend on how many zeros follow.
        return self.values.exp().cumsum(-1)[:, -1], (self.values > -torch.inf).sum(-1)

    def entropy(self) -> tuple[Tensor, Tensor, Tensor]:
        """[rows] float64 entropy of the distribution, in nats; and `total`, which it takes along."""
        if self.tail is not None:
            return self.tail.entropy()
        total, possible = self.total()
        logits = self.values.clamp(min=torch.finfo(self.values.dtype).min)  # so that 0 * -inf does not become nan
        mean = (self.values.exp() * logits).cumsum(-1)[:, -1] / total
        return total.log() - mean, total, possible

    def deviation(self) -> Tensor:
        """[rows] float64 standard deviation of the logits of all possible tokens (dividing by their number)."""
        if self.tail is not None:
            return self.tail.deviation()
        possible = self.values > -torch.inf
        count = possible.sum(-1)
        mean = self.values.masked_fill(~possible, 0.0).cumsum(-1)[:, -1] / count
        apart = (self.values - mean[:, None]).masked_fill(~possible, 0.0)
        return (apart.square().cumsum(-1)[:, -1] / count).sqrt()

    def temper(self, temperature: float | Tensor) -> Ranked:
        """Divide all logits by a temperature. 0 leaves the likeliest alone, inf makes all possible ones equal.

        Args:
            temperature: of all rows; or [rows] float64, of each, above 0 and finite: a function of its logits alone.
        """
        if not isinstance(temperature, Tensor) and temperature == 0.0:
            fits = self.within() | (self.values[:, -1] < 0)
            return replace(self, values=tempered(self.values, 0.0), sure=self.sure & fits, tail=None)
        tail = self.tail and replace(self.tail, temperatures=(*self.tail.temperatures, temperature))
        return replace(self, values=tempered(self.values, temperature), tail=tail)

    def keep(self, kept: Tensor, known: Tensor) -> Ranked:
        """Forbid all other tokens.

        Args:
            kept: [rows, k] bool; true from the left up to some token.
            known: [rows] bool: all tokens that are kept are among the k, if they are not all there are.
        """
        sure = self.sure & (known | self.within())
        return replace(self, values=self.values.masked_fill(~kept, -torch.inf), sure=sure, tail=None)

    def above(self, threshold: Tensor) -> Ranked:
        """Forbid all tokens whose logit is below [rows] a threshold; the likeliest stay, those equal to them too."""
        threshold = threshold.clamp(max=0.0)
        return self.keep(self.values >= threshold[:, None], self.values[:, -1] < threshold)

    def pick(self, uniform: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The token of each draw, its log-probability, how many tokens were possible, and whether that is sure."""
        total, possible = self.total()
        weights = self.values.exp()
        ends = weights.cumsum(-1)
        # Next to 1 a draw is told from 1 only by a total with the rounding errors of the running sum itself.
        extreme = uniform >= 1 - 2.0**-40
        total = torch.where(extreme, ends[:, -1], total)
        place = torch.searchsorted(ends, (uniform * total)[:, None], right=True)[:, 0]
        # u * total may round up to the total itself; and weights that are 0 in float64 are never drawn.
        last = (weights > 0).sum(-1) - 1
        found = torch.minimum(place, last)[:, None]
        sure = self.sure & (self.within() | ((place < ends.shape[1]) & ~extreme)) & (found[:, 0] < self.certain)
        return self.tokens.gather(1, found)[:, 0], self.values.gather(1, found)[:, 0] - total.log(), possible, sure


Monotone = Callable[[Ranked], Ranked]


class Source(NamedTuple):
    """What rows draw from: the first arguments of `draw`."""

    nodes: Nodes
    node: Tensor  # [rows]
    transforms: Sequence[Monotone] = ()


class Drawn(NamedTuple):
    """What `draw` finds for every row."""

    tokens: Tensor  # [rows] int64
    logprobs: Tensor  # [rows] float64 log-probability of the token
    possible: Tensor  # [rows] how many tokens were possible
    mass: Tensor  # [rows] float64 probability of all of these under the model's own distribution


def check_possible(peak: Tensor) -> None:
    """Raise InputError where a row has no possible token, given the largest logit of each."""
    if not peak.isfinite().all():
        raise InputError(
            "the logits of a row are no numbers, or all -inf: the model made them so, or a transform forbade all "
            "tokens; a transform has to leave at least one"
        )


def draw(
    nodes: Nodes,
    node: Tensor,
    uniform: Tensor,
    transforms: Sequence[Monotone] = (),
    first: int | None = None,
    own: tuple[Nodes, Tensor] | None = None,
) -> Drawn:
    """The token whose slice of the sorted cdf holds the draw.

    Args:
        nodes: the logits.
        node: [rows] which of them each row has.
        uniform: [rows] float64 in [0, 1).
        transforms: from left to right, what changes the distribution without changing the order of the tokens.
        first: how many tokens to sort at first. The result does not depend on it: all of them is the definition.
        own: the model's logits and [rows] which of them each row has, where `nodes` are something else.

    Raises:
        InputError: the logits of a row are no numbers, or a transform has forbidden every token.
    """
    if nodes.broken is not None:
        check_possible(nodes.peak)
    found = Drawn(torch.empty_like(node), torch.empty_like(uniform), torch.empty_like(node), torch.empty_like(uniform))
    waiting = torch.arange(len(node), device=node.device)
    for k in ladder(nodes, first):
        start = ranked = Ranked.of(nodes, node[waiting], k)
        for transform in transforms:
            ranked = transform(ranked)
        token, logprob, count, sure = ranked.pick(uniform[waiting])
        model = own and (own[0], own[1][waiting])
        mass, known = _mass(start, count, model, truncated=ranked.tail is None)
        for column, values in zip(found, (token, logprob, count, mass), strict=True):
            column[waiting] = values
        if k == nodes.vocab:
            break
        waiting = waiting[~(sure & known)]
        if not len(waiting):
            break
    return found


def _mass(
    start: Ranked, possible: Tensor, own: tuple[Nodes, Tensor] | None, *, truncated: bool
) -> tuple[Tensor, Tensor]:
    """What the model's own distribution gives the possible tokens, and whether the start holds all that decides it.

    Args:
        start: the rows before any transform.
        possible: [rows] how many tokens are possible after them.
        own: the model's logits and [rows] which of them each row has; None: those that were ranked.
        truncated: whether only the first of the start's tokens are possible; else all that were before.

    Returns:
        [rows] float64 probabilities, at most 1; [rows] bool.
    """
    assert start.tail is not None
    nodes, node, sure = start.tail.nodes, start.tail.node, start.sure
    if truncated:
        count = int(possible.max())
        if own is None:
            logprobs = start.values[:, :count] - nodes.log_mass[node, None].double()
        else:
            logprobs = own[0].logprob(own[1][:, None], start.tokens[:, :count]).double()
            sure = possible <= start.certain  # tokens that a transform made equal differ in the model's own logits
        ends = logprobs.exp().cumsum(-1)
        return ends.gather(1, possible[:, None] - 1)[:, 0].clamp_(max=1.0), sure
    mass = torch.ones(len(node), dtype=torch.float64, device=node.device)
    if own is not None:
        fewer = (possible < nodes.vocab).nonzero()[:, 0]  # something other than the monotone transforms forbade some
        for rows in chunks(nodes.logits, len(fewer)):
            at = fewer[rows]
            weights = own[0].logits[own[1][at]].softmax(-1, dtype=torch.float64)
            weights[nodes.logits[node[at]] == -torch.inf] = 0.0
            mass[at] = weights.cumsum(-1)[:, -1].clamp_(max=1.0)
    return mass, sure


def ladder(nodes: Nodes, first: int | None = None) -> list[int]:
    """How many tokens are sorted for all rows, for those that need more, and at last: all."""
    if first is not None:
        return [min(first, nodes.vocab), nodes.vocab]
    return [nodes.first, *(k for k in (SECOND,) if nodes.first < k < nodes.vocab // 4), nodes.vocab]
