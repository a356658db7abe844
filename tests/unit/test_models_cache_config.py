"""What a network's config says of its cache: the bytes of a token, and whether it keeps keys and values at all."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig, MambaConfig, Qwen3NextConfig

from harness.errors import InputError
from tests.tiny_networks import ARCHITECTURES, GATED, model_of


@pytest.mark.parametrize(
    ("name", "dtype", "expected"),
    [
        ("gpt2", torch.float64, 2 * 2 * 4 * 8 * 8),
        ("llama", torch.bfloat16, 2 * 2 * 2 * 8 * 2),  # grouped queries: half the heads
        ("gemma3", torch.float32, 2 * 3 * 2 * 16 * 4),  # heads wider than hidden_size / heads
    ],
)
def test_token_bytes(name: str, dtype: torch.dtype, expected: int) -> None:
    model = model_of(ARCHITECTURES[name](), dtype)
    assert model.token_bytes == expected
    _, cache = model.prefill([[1, 2, 3], [4]])
    used = sum(t.numel() * t.element_size() for layer in cache.past.layers for t in (layer.keys, layer.values))
    assert used == 2 * 3 * expected


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (MambaConfig(vocab_size=300, hidden_size=32, num_hidden_layers=1, state_size=4), "keeps no keys and values"),
        (
            Qwen3NextConfig(
                **{**GATED, "num_hidden_layers": 2},
                head_dim=8,
                layer_types=["linear_attention", "full_attention"],
                num_experts=2,
                num_experts_per_tok=1,
                moe_intermediate_size=16,
                shared_expert_intermediate_size=16,
                linear_key_head_dim=8,
                linear_value_head_dim=8,
                linear_num_key_heads=2,
                linear_num_value_heads=2,
            ),
            "layer 0 of Qwen3NextForCausalLM keeps its past as LinearAttentionLayer",
        ),
    ],
)
def test_a_model_with_another_memory_is_refused(config: AutoConfig, reason: str) -> None:
    with pytest.raises(InputError, match=f"tiny: .*{reason}"):
        model_of(config, torch.float32).prefill([[1, 2], [3]])
