"""Corpora of tokens from a source like text: Zipf's law, what comes next depends on the last token, texts differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from harness.metrics.base import Corpus

VOCAB = 20_000
LENGTH = 64
CONTEXTS = 97
EXPONENTS = np.linspace(0.9, 1.3, 41)


class Source:
    """A Markov source. What may follow a token is ranked in one of `CONTEXTS` orders, by Zipf's law."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        # The 50 likeliest tokens are the same after every token; the rest is in an order of its own.
        orders = [np.concatenate([np.arange(50), 50 + rng.permutation(VOCAB - 50)]) for _ in range(CONTEXTS)]
        self._order = np.stack(orders)
        self._upto = np.cumsum(np.arange(1, VOCAB + 1) ** -EXPONENTS[:, None], axis=1)

    def corpus(self, rng: Generator, kinds: NDArray[np.int64]) -> Corpus:
        """A text of `LENGTH` tokens for each prompt."""
        n = len(kinds)
        drawn = rng.random((n, LENGTH)) * self._upto[kinds, -1:]
        ranks = np.empty((n, LENGTH), dtype=np.int64)
        for kind in np.unique(kinds):
            ranks[kinds == kind] = np.searchsorted(self._upto[kind], drawn[kinds == kind], side="right")
        tokens = np.empty((n, LENGTH), dtype=np.int64)
        last = np.zeros(n, dtype=np.int64)
        for i in range(LENGTH):
            tokens[:, i] = last = self._order[last % CONTEXTS, np.minimum(ranks[:, i], VOCAB - 1)]
        return corpus(tokens.tolist())


def kinds(rng: Generator, n: int) -> NDArray[np.int64]:
    """[prompts] which of `EXPONENTS` a prompt's texts have: 1.1 give or take 0.08, so that texts differ."""
    return np.clip(np.rint(20 + 8 * rng.normal(size=n)), 0, 40).astype(np.int64)


def corpus(tokens: Sequence[Sequence[int]]) -> Corpus:
    """One text a prompt."""
    n = len(tokens)
    return Corpus([f"p{i}" for i in range(n)], [""] * n, [""] * n, ["length"] * n, tokens)
