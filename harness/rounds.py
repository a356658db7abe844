"""The rounds of speculative decoding: propose, read, choose as far as the proposals are right, forget the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import pad

from harness.batch import Batch
from harness.group import Group
from harness.models.base import Reader, RewindableCache
from harness.nodes import Nodes
from harness.packing import Queue
from harness.proposals import Proposer
from harness.regroup import split, together


@dataclass
class Counts:
    """What came of guessing, the first tokens apart, which no one guesses."""

    passes: int = 0  # of the model over all rows of a batch
    turns: int = 0  # a row's part in a pass
    tokens: int = 0  # that came of them: one for each turn, and one more for each guess that was right
    proposed: int = 0  # guesses

    def told(self) -> dict[str, float | int | None]:
        """The counts, the share of guesses that gave a token more, and how many tokens a row got from a pass."""
        return {
            **vars(self),
            "acceptance": (self.tokens - self.turns) / self.proposed if self.proposed else None,
            "tokens_per_pass": self.tokens / self.turns if self.turns else None,
        }


class SpeculativeBatch(Batch):
    """Requests whose rows come unequally far in a round; a group for each strategy and number of tokens.

    Args:
        model: that reads what is proposed.
        proposer: of this batch alone.
        ahead: how many tokens are proposed at a time.
        counts: to add to.
    """

    model: Reader

    def __init__(self, model: Reader, proposer: Proposer, ahead: int, counts: Counts) -> None:
        super().__init__(model, merge=False, refill=False)
        self._proposer, self._ahead, self._counts = proposer, ahead, counts

    @torch.inference_mode()
    def step(self, queue: Queue, max_rows: int) -> None:
        """A round for all running requests; or the first tokens of the next ones, if none is left."""
        if self.groups:
            self._round()
        else:
            self._cache = None
            self._admit(queue.take(max_rows, alone=True), room=0)
            self._begin()

    def _begin(self) -> None:
        """Give every row a place of its own in the caches, after the first token, which no one guesses."""
        if not self.groups:
            return
        assert self._cache is not None
        prompts: list[Tensor] = [g.node for g in self.groups]
        self._cache.select(torch.cat(prompts))
        self._owner = self._owner[torch.cat(prompts)]
        tokens, first = [], 0
        for g in self.groups:
            g.node = torch.arange(first, first + g.rows, device=self.model.device)
            tokens += [r.tokens for r in g.requests]
            first += g.rows
        self._proposer.start(tokens)

    def _round(self) -> None:
        """Propose, read, and let every strategy choose as far as it chooses what was proposed."""
        cache = cast(RewindableCache, self._cache)
        texts = torch.empty(self.rows, 2, dtype=torch.int64, device=self.model.device)
        for g in self.groups:
            texts[g.node] = torch.stack([(g.history >= 0).sum(1), g.history[:, -1]], 1)
        count = min(self._ahead, max(int((g.limits - g.step).max()) for g in self.groups) - 1)
        if self.model.context is not None:
            count = min(count, self.model.context - int(texts[:, 0].max()))
        proposed = texts.new_empty(len(texts), 0)
        if count > 0:
            proposed = self._proposer.propose(self.groups, count)
            for g in self.groups:  # the last token that a row may have needs no guess, nor what would follow it
                beyond = torch.arange(count, device=proposed.device) >= (g.limits - g.step - 1)[:, None]
                proposed[g.node] = proposed[g.node].masked_fill(beyond, -1)
            proposed = proposed[:, : int((proposed >= 0).sum(1).max())]
        logits = self.model.read(torch.cat([texts[:, 1:], proposed.clamp(min=0)], 1), cache)
        self._counts.passes += 1
        nodes = Nodes(logits.flatten(0, 1))
        if proposed.shape[1] and nodes.broken is not None:
            # A guess after which the model says NaN spoils what is read before it in the same pass.
            cache.rewind(texts[:, 0] - 1)
            proposed = proposed[:, :0]
            nodes = Nodes(self.model.read(texts[:, 1:], cache)[:, 0])
            self._counts.passes += 1
        self._counts.turns += len(texts)
        self._counts.proposed += int((proposed >= 0).sum())
        self._settle(nodes, pad(proposed, (0, 1), value=-1).flatten(), proposed.shape[1] + 1)
        if not self.groups:
            return
        if self.rows < len(texts):
            self._proposer.select(self._drop_ended(cache))
        lengths = texts.new_empty(self.rows)
        for g in self.groups:
            lengths[g.node] = (g.history >= 0).sum(1) - 1
        cache.rewind(lengths)

    def _settle(self, nodes: Nodes, proposed: Tensor, places: int) -> None:
        """Step by step, from the earliest: groups whose rows go on join those that already stand at the next step.

        Args:
            nodes: [rows * places] logits.
            proposed: [rows * places] the token that stands after each; -1: none.
            places: how many tokens of each row were read.
        """
        for g in self.groups:
            g.node = g.node * places
        settled: list[Group] = []
        waiting = self.groups
        while waiting:
            step = min(g.step for g in waiting)
            now, waiting = [g for g in waiting if g.step == step], [g for g in waiting if g.step > step]
            self._counts.tokens += sum(g.rows for g in now)
            self._advance(now, nodes, None)
            for g in (g for g in now if g.requests):
                right = proposed[g.node] == g.history[:, -1]
                parts = self._guarded(g, partial(split, g, right.tolist()))
                if parts is None:
                    continue
                on, off = parts
                self.groups = [*(other for other in self.groups if other is not g), on, off]
                on.node = on.node + 1
                waiting.append(on)
                settled.append(off)
            waiting = together(waiting)
            self.groups = settled + waiting
        self.groups = together(settled)
        for g in self.groups:
            g.node = g.node // places
