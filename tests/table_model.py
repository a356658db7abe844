"""A language model small enough to enumerate: the logits depend on the last token alone, through a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from harness.models.base import Output


@dataclass
class TableCache:
    """The tokens of every row so far; a test may look at them."""

    tokens: Tensor  # [rows, time] int64, left-padded with -1

    def __len__(self) -> int:
        return len(self.tokens)

    def select(self, rows: Tensor) -> None:
        self.tokens = self.tokens[rows]

    def rewind(self, lengths: Tensor) -> None:
        rows = [row[row >= 0][:n] for row, n in zip(self.tokens, lengths.tolist(), strict=True)]
        time = max(map(len, rows), default=0)
        self.tokens = torch.stack([pad(row, (time - len(row), 0), value=-1) for row in rows])

    def join(self, other: TableCache) -> None:
        time = max(self.tokens.shape[1], other.tokens.shape[1])
        self.tokens = torch.cat([pad(t, (time - t.shape[1], 0), value=-1) for t in (self.tokens, other.tokens)])


@dataclass
class TableModel:
    """A `harness.models.base.LanguageModel` over single letters: token i is the letter chr(97 + i)."""

    table: Tensor  # [vocab, vocab]: row t holds the logits that follow token t
    embedding: Tensor  # [vocab, d_model]: the hidden state of a token
    eos: frozenset[int] = frozenset()
    context: int | None = None
    name: str = "table"
    fingerprint: str = "table"
    token_bytes: int = 8
    vocab: int = field(init=False)
    dtype: torch.dtype = field(init=False)
    device: torch.device = field(init=False)

    def __post_init__(self) -> None:
        self.vocab, self.dtype, self.device = len(self.table), self.table.dtype, self.table.device

    def encode(self, text: str) -> list[int]:
        """One token per character, whatever the character; an empty text starts from eos, or from token 0."""
        return [(ord(c) - 97) % self.vocab for c in text] or [min(self.eos, default=0)]

    def continuation(self, text: str) -> list[int]:
        return [(ord(c) - 97) % self.vocab for c in text]

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(chr(97 + t) for t in tokens if t not in self.eos)

    def pieces(self, tokens: Sequence[int]) -> list[str]:
        return [chr(97 + t) for t in tokens]

    def vocabulary(self) -> dict[str, int]:
        return {chr(97 + t): t for t in range(self.vocab)}

    def early_layers(self, which: Any) -> TableModel:
        """Three layers that begin as noise and come to what the model says in the end; whichever are asked for."""
        noise = table_model(self.vocab, seed=7).table.to(self.table)
        tables = [(1 - share) * noise + share * self.table for share in (0.0, 0.4, 0.8)]
        return replace(self, table=torch.stack(tables, 1), name="layers")

    def prefill(
        self, prompts: Sequence[Sequence[int]], *, hidden: bool = False, room: int = 0, least: int = 0
    ) -> tuple[Output, TableCache]:
        time = max(map(len, prompts))
        tokens = torch.tensor([[-1] * (time - len(p)) + list(p) for p in prompts], device=self.device)
        return Output(self.table[tokens[:, -1]], self._hidden(tokens) if hidden else None), TableCache(tokens)

    def extend(self, tokens: Tensor, cache: Any, *, hidden: bool = False) -> Output:
        if tokens.shape != cache.tokens.shape[:1]:
            raise ValueError(f"{len(tokens)} tokens for {len(cache.tokens)} rows")
        cache.tokens = torch.cat([cache.tokens, tokens[:, None]], 1)
        if self.context is not None and (cache.tokens >= 0).sum(1).max() > self.context:
            raise ValueError(f"a row is longer than the context of {self.context}")
        return Output(self.table[tokens], self.embedding[tokens] if hidden else None)

    def read(self, tokens: Tensor, cache: Any) -> Tensor:
        return torch.stack([self.extend(column, cache).logits for column in tokens.unbind(1)], 1)

    def forward(self, sequences: Sequence[Sequence[int]], wanted: Sequence[range]) -> tuple[Tensor, Tensor]:
        tokens = torch.tensor([s[t] for s, at in zip(sequences, wanted, strict=True) for t in at], device=self.device)
        return self.table[tokens], self.embedding[tokens]

    def logprob(self, last: int, tokens: Sequence[int]) -> float:
        """The log-probability of a continuation after token `last`: what a brute-force search maximises."""
        logprobs = self.table.double().log_softmax(-1)
        return sum(float(logprobs[a, b]) for a, b in zip([last, *tokens], tokens, strict=False))

    def _hidden(self, tokens: Tensor) -> Tensor:
        return self.embedding[tokens.clamp(min=0)].masked_fill((tokens < 0)[..., None], 0.0)


def table_model(
    vocab: int = 5,
    *,
    eos: Iterable[int] = (),
    seed: int = 0,
    scale: float = 1.5,
    d_model: int = 4,
    dtype: torch.dtype = torch.float64,
    context: int | None = None,
) -> TableModel:
    """A random table of normal logits with standard deviation `scale`, fixed by `seed`."""
    generator = torch.Generator().manual_seed(seed)
    table = scale * torch.randn(vocab, vocab, generator=generator, dtype=torch.float64)
    embedding = torch.randn(vocab, d_model, generator=generator, dtype=torch.float64)
    return TableModel(
        table.to(dtype), embedding.to(dtype), frozenset(eos), context, fingerprint=f"table-{vocab}-{seed}-{scale}"
    )
