"""A tiny random GPT-2 in float64, without a cache: what strategies are compared with `transformers.generate` on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from harness.models.base import Output


@dataclass
class TokenCache:
    """Remembers the tokens of every row, to run them again."""

    sequences: list[list[int]]

    def select(self, rows: Tensor) -> None:
        self.sequences = [list(self.sequences[i]) for i in rows.tolist()]

    def join(self, other: TokenCache) -> None:
        self.sequences += other.sequences

    def __len__(self) -> int:
        return len(self.sequences)


@dataclass
class TinyGPT2:
    """A `harness.models.base.LanguageModel` that runs all tokens anew, right-padded: slow, and hard to get wrong."""

    network: Any
    eos: frozenset[int] = frozenset()
    name: str = "tiny-gpt2"
    fingerprint: str = "tiny-gpt2"
    token_bytes: int = 8  # a token of a row of the cache
    vocab: int = field(init=False)
    context: int | None = field(init=False)
    device: torch.device = field(init=False)
    dtype: torch.dtype = field(init=False)

    def __post_init__(self) -> None:
        self.vocab, self.context = self.network.config.vocab_size, self.network.config.n_positions
        self.device, self.dtype = self.network.device, self.network.dtype

    def encode(self, text: str) -> list[int]:
        return [ord(c) % self.vocab for c in text] or [0]

    def continuation(self, text: str) -> list[int]:
        return [ord(c) % self.vocab for c in text]

    def decode(self, tokens: Sequence[int]) -> str:
        return " ".join(str(t) for t in tokens if t not in self.eos)

    def pieces(self, tokens: Sequence[int]) -> list[str]:
        return [f"{t} " for t in tokens]

    def vocabulary(self) -> dict[str, int]:
        return {str(token): token for token in range(self.vocab)}

    def forward(self, sequences: Sequence[Sequence[int]], wanted: Sequence[range]) -> tuple[Tensor, Tensor]:
        logits, states = self._all(sequences)
        rows = [row for row, at in enumerate(wanted) for _ in at]
        at = [t for at in wanted for t in at]
        return logits[rows, at], states[rows, at]

    def _all(self, sequences: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """[rows, time, vocab] logits and [rows, time, d_model] states, right-padded."""
        time = max(map(len, sequences))
        tokens = torch.tensor([list(s) + [0] * (time - len(s)) for s in sequences])
        mask = torch.tensor([[1] * len(s) + [0] * (time - len(s)) for s in sequences])
        with torch.inference_mode():
            output = self.network(tokens, attention_mask=mask, output_hidden_states=True)
        return output.logits, output.hidden_states[-1]

    def prefill(
        self, prompts: Sequence[Sequence[int]], *, hidden: bool = False, room: int = 0, least: int = 0
    ) -> tuple[Output, TokenCache]:
        logits, states = self._all(prompts)
        last = torch.stack([row[len(p) - 1] for row, p in zip(logits, prompts, strict=True)])
        left = [row.roll(states.shape[1] - len(p), 0) for row, p in zip(states, prompts, strict=True)]
        return Output(last, torch.stack(left) if hidden else None), TokenCache([list(p) for p in prompts])

    def extend(self, tokens: Tensor, cache: Any, *, hidden: bool = False) -> Output:
        cache.sequences = [[*s, t] for s, t in zip(cache.sequences, tokens.tolist(), strict=True)]
        logits, states = self._all(cache.sequences)
        at = torch.tensor([len(s) - 1 for s in cache.sequences])
        rows = torch.arange(len(at))
        return Output(logits[rows, at], states[rows, at] if hidden else None)


def tiny_gpt2(vocab: int = 9, *, eos: Iterable[int] = (), seed: int = 0) -> TinyGPT2:
    """Two layers of width 16, with weights so large that the next token depends on the whole text."""
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=vocab,
        n_positions=64,
        n_embd=16,
        n_layer=2,
        n_head=2,
        initializer_range=0.6,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
    )
    return TinyGPT2(GPT2LMHeadModel(config).double().eval(), frozenset(eos))
