"""Tiny random networks of many kinds, not loaded from anywhere, and what transformers makes of one row of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    DynamicCache,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
)

from harness.models.cache import KeyValueCache
from harness.models.huggingface import HuggingFaceModel
from tests.tiny_models import byte_level_tokenizer

SIZES: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 300}
GATED: dict[str, Any] = {**SIZES, "intermediate_size": 48, "max_position_embeddings": 128, "num_key_value_heads": 2}
ARCHITECTURES: dict[str, Callable[[], Any]] = {
    "gpt2": lambda: GPT2Config(vocab_size=300, n_positions=128, n_embd=32, n_layer=2, n_head=4, initializer_range=0.6),
    "llama": lambda: LlamaConfig(**GATED, initializer_range=0.6),
    "neox": lambda: GPTNeoXConfig(
        **SIZES, intermediate_size=48, max_position_embeddings=128, rotary_pct=0.5, initializer_range=0.6
    ),
    "bloom": lambda: BloomConfig(vocab_size=300, hidden_size=32, n_layer=2, n_head=4, initializer_range=0.6),  # ALiBi
    "mistral": lambda: MistralConfig(**GATED, sliding_window=5, initializer_range=0.6),
    "gemma3": lambda: Gemma3TextConfig(  # one layer that slides, one that does not; other widths for keys
        **{**GATED, "num_hidden_layers": 3},
        head_dim=16,
        sliding_window=5,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        initializer_range=0.6,
    ),
}
Rows = list[list[int]]


def model_of(config: Any, dtype: torch.dtype = torch.float64) -> HuggingFaceModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = AutoModelForCausalLM.from_config(config).to(dtype).eval()
    return HuggingFaceModel(network, byte_level_tokenizer(), name="tiny", fingerprint="")


@torch.no_grad()
def alone(model: HuggingFaceModel, row: list[int]) -> Tensor:
    """The last logits of a row in transformers' own cache, without padding: its last token is run by itself."""
    past = DynamicCache(config=model.network.config)
    for tokens in filter(None, (row[:-1], row[-1:])):
        out = model.network(torch.tensor([tokens]), past_key_values=past, use_cache=True)
    last: Tensor = out.logits[0, -1]
    return last


def near(model: HuggingFaceModel, ours: Tensor, theirs: Tensor) -> None:
    tolerance = 1e-9 if model.dtype == torch.float64 else 1e-5
    torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance * theirs.abs().max().item())


def check(model: HuggingFaceModel, cache: KeyValueCache, rows: Rows, logits: Tensor) -> None:
    assert len(cache) == len(rows) == len(logits)
    assert cache.lengths.tolist() == [len(row) for row in rows]
    for row, ours in zip(rows, logits, strict=True):
        theirs = alone(model, row)
        near(model, ours, theirs)


def extend(model: HuggingFaceModel, cache: KeyValueCache, rows: Rows, token: int) -> tuple[Rows, Tensor]:
    tokens = [(token + 37 * i) % 300 for i in range(len(rows))]
    rows = [[*row, t] for row, t in zip(rows, tokens, strict=True)]
    return rows, model.extend(torch.tensor(tokens), cache).logits
