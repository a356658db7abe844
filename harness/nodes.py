"""The logits of one step, and what rows ask of them: each computed once for all rows, and only if somebody asks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

PREFIX = 256
"""How many of the likeliest tokens are sorted before anything else is tried."""

CHUNK = 2**19
"""How many logits are worked on at once on a CPU. Float64 copies of them fit its caches: a softmax takes 68 µs a row of
50,257 so, and 286 for 128 rows at once."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """The likeliest tokens of every row in falling order of their logits, among equals in rising order of their ids."""

    values: Tensor  # [rows, k]
    tokens: Tensor  # [rows, k] int64
    certain: Tensor  # [rows] how many tokens from the left are surely these; the last may be of several that are equal
    complete: bool  # these are all tokens there are

    @staticmethod
    def of(logits: Tensor, k: int) -> Prefix:
        """The first k tokens of [rows, vocab] logits, or all of them if k is at least the vocabulary."""
        rows, vocab = logits.shape
        if k >= vocab:
            ranked = logits.sort(dim=-1, descending=True, stable=True)
            return Prefix(ranked.values, ranked.indices, torch.full((rows,), vocab, device=logits.device), True)
        values, tokens = logits.topk(k, dim=-1)
        tied = (values[:, 1:] == values[:, :-1]).any(-1).nonzero()[:, 0]
        if len(tied):  # topk leaves equal logits in any order
            by_id = tokens[tied].sort(dim=-1)
            by_value = values[tied].gather(1, by_id.indices).sort(dim=-1, descending=True, stable=True)
            tokens[tied] = by_id.values.gather(1, by_value.indices)
        return Prefix(values, tokens, (values > values[:, -1:]).sum(-1), False)

    def at(self, rows: Tensor) -> Prefix:
        """Those of some rows, in any order."""
        return Prefix(self.values[rows], self.tokens[rows], self.certain[rows], self.complete)


class Nodes:
    """The logits of the nodes that one step looks at.

    Args:
        logits: [nodes, vocab]; -inf where a token is impossible. A node where every token is, is `broken`.
    """

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits

    def __len__(self) -> int:
        return len(self.logits)

    @property
    def vocab(self) -> int:
        """How many logits a node has."""
        return self.logits.shape[1]

    @cached_property
    def peak(self) -> Tensor:
        """[nodes] the largest logit."""
        return self.logits.amax(-1)

    @cached_property
    def broken(self) -> Tensor | None:
        """[nodes] bool: which have no distribution, as a logit is NaN or +inf, or all are -inf; None: no node.

        The largest logit tells (it is NaN where any is), and is needed anyway: so it costs 8 µs, where a step of
        pocket-s with 64 rows takes 20 ms. The host waits for the device.
        """
        if math.isfinite(float(self.peak.sum())):
            return None
        whole = self.peak.isfinite()
        return None if whole.all() else ~whole

    @property
    def mended(self) -> Nodes:
        """The same nodes, those that are broken with equal logits: so that nothing stumbles over what nobody reads.

        Nodes that are whole are not kept as their own attribute: such a circle stays until Python looks for circles,
        which it does the less often the more requests there are, and the logits of tens of steps with it.
        """
        return self if self.broken is None else self._mended

    @cached_property
    def _mended(self) -> Nodes:
        assert self.broken is not None
        return Nodes(self.logits.masked_fill(self.broken[:, None], 0.0))

    def argmax(self, node: Tensor) -> Tensor:
        """[rows] nodes -> the likeliest token of each; among equally likely ones the smallest id."""
        if len(node) < len(self):
            return self.logits[node].argmax(-1)
        return self.logits.argmax(-1)[node]

    @property
    def log_mass(self) -> Tensor:
        """[nodes] log of the sum of exp(logit - peak): what normalises them, apart from the peak."""
        return self._mass_and_entropy[0]

    @property
    def entropy(self) -> Tensor:
        """[nodes] entropy of the softmax, in nats."""
        return self._mass_and_entropy[1]

    @cached_property
    def _mass_and_entropy(self) -> tuple[Tensor, Tensor]:
        lowest = torch.finfo(self.logits.dtype).min  # so that 0 * -inf does not become nan
        mass, entropy = torch.empty_like(self.peak), torch.empty_like(self.peak)
        for rows in chunks(self.logits):
            probabilities = self.logits[rows].softmax(-1)
            mass[rows] = -probabilities.amax(-1).log()
            below = (self.logits[rows] - self.peak[rows, None]).clamp_(min=lowest)
            entropy[rows] = mass[rows] - sums(below.mul_(probabilities))
        return mass, entropy

    @cached_property
    def gap(self) -> Tensor:
        """[nodes] the largest logit minus the second largest: 0 for a tie, inf where only one token is possible.

        From the sorted prefix where there is one. Else the two largest are looked for in those two blocks of 64 that
        have the largest maxima: 8 µs a row of 50,257, where `topk(2)` takes 66.
        """
        if "prefix" in self.__dict__:
            largest = self.prefix.values[:, :2]
        else:
            near, even = self.logits, self.vocab // 64 * 64
            if even >= 128:
                blocks = self.logits[:, :even].view(len(self), even // 64, 64)
                two = blocks.amax(-1).topk(2).indices
                near = torch.cat([blocks.gather(1, two[..., None].expand(-1, -1, 64)).flatten(1), near[:, even:]], 1)
            largest = near.topk(min(2, self.vocab)).values
        return largest[:, 0] - largest[:, 1] if self.vocab > 1 else torch.full_like(self.peak, torch.inf)

    @property
    def first(self) -> int:
        """How many tokens `prefix` has: `PREFIX`, or all of a small vocabulary."""
        return PREFIX if self.vocab > 4 * PREFIX else self.vocab

    @cached_property
    def prefix(self) -> Prefix:
        """The likeliest tokens of every node."""
        return Prefix.of(self.logits, self.first)

    def logprob(self, node: Tensor, tokens: Tensor) -> Tensor:
        """The log-probability of tokens at nodes, of shapes that go together."""
        return (self.logits[node, tokens] - self.peak[node]) - self.log_mass[node]

    def rank(self, node: Tensor, tokens: Tensor) -> Tensor:
        """[n] nodes and tokens -> how many tokens the node holds to be strictly likelier."""
        value = self.logits[node, tokens]
        rank = torch.zeros_like(node)
        below = (value < self.peak[node]).nonzero()[:, 0]
        if len(below):
            value, node = value[below, None], node[below]
            rank[below] = (self.prefix.values[node] > value).sum(-1)
            if not self.prefix.complete:
                beyond = (value <= self.prefix.values[node, -1:]).nonzero()[:, 0]
                for rows in chunks(self.logits, len(beyond)):
                    far = beyond[rows]
                    rank[below[far]] = (self.logits[node[far]] > value[far]).sum(-1)
        return rank


def sums(values: Tensor) -> Tensor:
    """[rows, n] -> [rows] sums, each in an order that the number of rows and of threads cannot change.

    torch divides a sum over few rows among threads, and that over many rows not; sums of 64 are divided nowhere.
    """
    even = values.shape[1] // 64 * 64
    parts = values[:, :even].reshape(len(values), even // 64, 64).sum(-1)
    return torch.cat([parts, values[:, even:]], 1).double().cumsum(1)[:, -1].to(values.dtype)


def chunks(logits: Tensor, rows: int | None = None) -> Iterator[slice]:
    """Slices of the rows of [..., vocab] logits that are worked on at once: a few on a CPU, all on an accelerator."""
    rows = len(logits) if rows is None else rows
    size = max(1, CHUNK // logits.shape[1]) if logits.device.type == "cpu" else max(1, rows)
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))
