"""GPT-2 in NumPy without a memory, for attention that reads ahead or depends on how long the text is.

The logits after a prefix are then those of a run over that prefix alone: by itself, with no padding and no token after
it. Anything else would let a model that reads ahead see the token that it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.models.base import Cache, Output
from harness.models.gpt2_numpy import GPT2, Array, Attention
from harness.models.huggingface import CHUNK, longest_of
from harness.models.numpy_model import NumpyModel


@dataclass
class Texts:
    """A `harness.models.base.Cache` that remembers the tokens of every row, to run them all again."""

    rows: list[list[int]]

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, rows: Tensor) -> None:
        """Row i becomes old row rows[i]."""
        self.rows = [list(self.rows[i]) for i in rows.tolist()]

    def join(self, other: Cache) -> None:
        """The rows of the other come after these."""
        assert isinstance(other, Texts)
        self.rows = self.rows + other.rows


class Uncached(NumpyModel):
    """A model with another attention than its own, which is right whatever that does, and slow.

    Args:
        model: whose weights and tokenizer it has.
        attention: in the place of the model's own.
        name: what a table calls it, as it is another model now.
    """

    def __init__(self, model: NumpyModel, attention: Attention, name: str) -> None:
        vars(self).update(vars(model))
        self.name = name
        self.gpt2 = GPT2(model.gpt2.weights, model.gpt2.heads, model.gpt2.epsilon, attention)

    def prefill(  # type: ignore[override]
        self, prompts: Sequence[Sequence[int]], *, hidden: bool = False, room: int = 0, least: int = 0
    ) -> tuple[Output, Texts]:
        """Run each prompt by itself; `room` and `least` change nothing, as there is nothing to keep or to pad."""
        longest = longest_of(prompts, self.name, self.context)
        last, states = self._run(prompts, whole=hidden)
        padded = [np.pad(s, ((longest - len(s), 0), (0, 0))) for s in states]  # [longest, W] each
        return Output(
            torch.from_numpy(self.gpt2.logits(last)), torch.from_numpy(np.stack(padded)) if hidden else None
        ), Texts([list(p) for p in prompts])

    def extend(self, tokens: Tensor, cache: Any, *, hidden: bool = False) -> Output:
        """Run every row again, one token longer."""
        rows = [[*row, token] for row, token in zip(cache.rows, tokens.tolist(), strict=True)]
        longest_of(rows, self.name, self.context)
        states, _ = self._run(rows)
        cache.rows = rows
        return Output(torch.from_numpy(self.gpt2.logits(states)), torch.from_numpy(states) if hidden else None)

    def forward(self, sequences: Sequence[Sequence[int]], wanted: Sequence[range]) -> tuple[Tensor, Tensor]:
        """Logits [n, vocab] and hidden [n, d_model] of the positions wanted, each from a run over its prefix alone."""
        longest_of(sequences, self.name, self.context)
        states, _ = self._run([s[: t + 1] for s, at in zip(sequences, wanted, strict=True) for t in at])
        return torch.from_numpy(self.gpt2.logits(states)), torch.from_numpy(states)

    def _run(self, texts: Sequence[Sequence[int]], *, whole: bool = False) -> tuple[Array, list[Array]]:
        """The states at the last token of each text, [texts, W], and if asked for those at all of them, [length, W].

        Texts of one length are run together, `CHUNK` tokens at once.
        """
        last = np.empty((len(texts), self.gpt2.width), self.gpt2.dtype)
        states: dict[int, Array] = {}
        for length in {len(t) for t in texts}:
            same = [i for i, t in enumerate(texts) if len(t) == length]
            at_once = max(1, CHUNK // length)
            for some in (same[i : i + at_once] for i in range(0, len(same), at_once)):
                found = self.gpt2.states(np.array([texts[i] for i in some], np.int64))  # [some, length, W]
                last[some] = found[:, -1]
                states |= dict(zip(some, found, strict=True)) if whole else {}
        return last, [states[i] for i in sorted(states)]
