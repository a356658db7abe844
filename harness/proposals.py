"""What speculative decoding guesses: the next tokens of every row, from a smaller model or from the row's own text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, cast

import torch
from torch import Tensor
from torch.nn.functional import pad

from harness.faults import lack_of_memory
from harness.group import Group
from harness.models.base import Reader, RewindableCache
from harness.nodes import Nodes
from harness.strategies.base import VALUES
from harness.strategies.returned import check_step

FORBIDDEN = -1e4
"""The logit of a token that the draft does not have. Finite, as a transform may forbid all the others."""


class Proposer(Protocol):
    """Proposes tokens for rows that it is told of; a group's `node` says which of them each of its rows is."""

    def start(self, prompts: Sequence[tuple[int, ...]]) -> None:
        """New rows, with the prompts of each."""

    def select(self, rows: Tensor) -> None:
        """Row i becomes old row rows[i]; no row is repeated."""

    def propose(self, groups: Sequence[Group], count: int) -> Tensor:
        """[rows, count] int64 the next tokens of every row, -1 where none is proposed, nor after it."""


class Lookup:
    """What followed the last n tokens of a row where they stand in its text for the last time before.

    Source: Saxena (2023), Prompt lookup decoding; he takes the first place of the longest n-gram that is found.

    Args:
        ngram: n.
    """

    def __init__(self, ngram: int) -> None:
        self.ngram = ngram

    def start(self, prompts: Sequence[tuple[int, ...]]) -> None:
        """Nothing is kept but the texts that groups have."""

    def select(self, rows: Tensor) -> None:
        """Nothing is kept."""

    def propose(self, groups: Sequence[Group], count: int) -> Tensor:
        """See `Proposer`."""
        rows = sum(g.rows for g in groups)
        proposed = torch.full((rows, count), -1, device=groups[0].node.device)
        for g in groups:
            proposed[g.node] = following(g.history, self.ngram, count)
        return proposed


def following(text: Tensor, ngram: int, count: int) -> Tensor:
    """The tokens that follow the last earlier place of each row's last n-gram.

    Args:
        text: [rows, time], -1 where there is no token, on the left.
        ngram: n, at least 1.
        count: how many tokens are wanted.

    Returns:
        [rows, count], -1 where the text is over, or has no such place.
    """
    rows, time = text.shape
    none = torch.full((rows, count), -1, device=text.device)
    if time <= ngram:
        return none
    end = text[:, None, -ngram:]
    same = (text.unfold(1, ngram, 1)[:, :-1] == end).all(-1) & (end >= 0).all(-1)  # [rows, time - n]
    place = torch.arange(1, time - ngram + 1, device=text.device)
    last = (same * place).amax(1)  # one more than where it begins, 0: nowhere
    wanted = (last + ngram - 1)[:, None] + torch.arange(count, device=text.device)
    return pad(text, (0, count), value=-1).gather(1, wanted).where(last[:, None] > 0, none)


class Draft:
    """What the row's own strategy would choose by the logits of another model, with the row's own draws.

    So where the two models agree on the distribution, they agree on the token: a coupling. In a round the draft reads
    the last two tokens of every row, which it may not know yet, and then each token that it proposes but the last; as
    many as its own context allows for the longest row. Where a row outgrows that, it proposes nothing from then on.

    Args:
        model: a reader with the tokens of the model that decodes.
        vocab: how many logits that model has.
        eos: tokens that end a continuation.
    """

    def __init__(self, model: Reader, vocab: int, eos: frozenset[int]) -> None:
        self.model, self.vocab, self.eos = model, vocab, eos
        self._cache: RewindableCache | None = None

    def start(self, prompts: Sequence[tuple[int, ...]]) -> None:
        """Read the prompts, each once."""
        distinct = list(dict.fromkeys(prompts))
        number = {p: i for i, p in enumerate(distinct)}
        self._cache = None  # first, so that its memory is free
        _, cache = self.model.prefill(distinct, room=len(prompts))
        cache.select(torch.tensor([number[p] for p in prompts], device=self.model.device))
        self._cache = cast(RewindableCache, cache)

    def select(self, rows: Tensor) -> None:
        """See `Proposer`."""
        if self._cache is not None:
            self._cache.select(rows)

    def propose(self, groups: Sequence[Group], count: int) -> Tensor:
        """See `Proposer`. The groups stay as they are."""
        proposed = torch.full((sum(g.rows for g in groups), count), -1, device=self.model.device)
        cache = self._cache
        if cache is None:
            return proposed
        known = torch.empty(len(cache), 3, dtype=torch.int64, device=self.model.device)
        for g in groups:
            known[g.node] = torch.cat([(g.history >= 0).sum(1, keepdim=True) - 2, g.history[:, -2:]], 1)
        if self.model.context is not None:  # the last token proposed is not read
            count = min(count, self.model.context - int(known[:, 0].max()) - 1)
        if count <= 0:
            self._cache = None  # it would miss the tokens of this round in the next
            return proposed
        cache.rewind(known[:, 0])
        copies = [replace(g) for g in groups]
        for place in range(count):
            if place == 0:
                logits = self.model.read(self._known(known[:, 1:]), cache)[:, -1]
            else:
                logits = self.model.extend(self._known(proposed[:, place - 1]), cache).logits
            nodes = Nodes(self._fitted(logits)).mended  # a bad guess costs time alone
            copies = [c for c in copies if c.left and self._guess(c, nodes)]
            for copy in copies:
                proposed[copy.node, place] = copy.history[:, -1]
        return proposed

    def _guess(self, group: Group, nodes: Nodes) -> bool:
        """One more token of each of a group's rows; False if the strategy raises, as it may over the model's logits."""
        try:
            move, state = group.strategy.step(group.view(nodes, None, self.eos), group.state)
            check_step(move, len(group.requests), 1, nodes.vocab, nodes.logits.device)
        except Exception as error:
            if memory := lack_of_memory(error):
                raise memory from None
            return False
        group.state = state
        group.append(move.tokens, group.values.new_full((group.rows, len(VALUES)), torch.nan))
        return True

    def _known(self, tokens: Tensor) -> Tensor:
        """Tokens that the draft can read: no tokenizer makes the others, but a model may choose them."""
        return tokens.clamp(0, self.model.vocab - 1)

    def _fitted(self, logits: Tensor) -> Tensor:
        """As many logits as the decoding model has: models pad their vocabularies to different widths."""
        logits = logits[:, : self.vocab]
        return pad(logits, (0, self.vocab - logits.shape[1]), value=FORBIDDEN)
