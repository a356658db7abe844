from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from harness.models.attention import NAME, applies, attend, install
from harness.models.huggingface import HuggingFaceModel
from tests.tiny_networks import ARCHITECTURES, extend, model_of

TOLERANCE = {torch.float32: 1e-6, torch.bfloat16: 2e-2}


def cut(rows: int, heads: int, columns: int, dim: int, start: int, end: int, dtype: torch.dtype) -> Tensor:
    """Some columns of a buffer that has more rows, too."""
    buffer = torch.randn(rows + 2, heads, columns, dim, generator=torch.Generator().manual_seed(start)).to(dtype)
    return buffer[:rows, :, start:end]


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("kv_heads", [1, 2, 6])
@pytest.mark.parametrize(("start", "end"), [(0, 20), (0, 9), (5, 13), (7, 8), (19, 20)])
def test_it_is_scaled_dot_product_attention(dtype: torch.dtype, kv_heads: int, start: int, end: int) -> None:
    key, value = (cut(5, kv_heads, 20, 8, start, end, dtype) for _ in range(2))
    query = torch.randn(5, 6, 1, 8).to(dtype)
    mask = torch.rand(5, 1, 1, end - start) < 0.6
    mask[..., -1] = True
    assert applies(
        query, key, value, mask, {"dropout": 0.0, "scaling": 0.3, "position_bias": None, "sliding_window": 4}
    )
    keys, values = (x.repeat_interleave(6 // kv_heads, 1) for x in (key, value))
    expected = scaled_dot_product_attention(query, keys, values, attn_mask=mask, scale=0.3)
    found = attend(query, key, value, mask, 0.3)
    torch.testing.assert_close(found.transpose(1, 2), expected, atol=TOLERANCE[dtype], rtol=0)


@pytest.mark.parametrize(
    ("change", "knobs"),
    [
        ({"query": torch.randn(5, 6, 2, 8)}, {}),
        ({"query": torch.randn(5, 6, 1, 8, dtype=torch.float64)}, {}),
        ({"mask": None}, {}),
        ({"mask": torch.zeros(5, 1, 1, 4)}, {}),  # added to the scores
        ({"mask": torch.ones(5, 6, 1, 4, dtype=torch.bool)}, {}),
        ({"key": cut(5, 2, 20, 8, 4, 8, torch.float32).contiguous()[:, :, 1:].transpose(0, 1).transpose(0, 1)[1:]}, {}),
        ({"key": torch.randn(5, 2, 8, 4).transpose(2, 3)}, {}),
        ({}, {"dropout": 0.1}),
        ({}, {"position_bias": torch.zeros(1)}),
        ({}, {"softcap": 30.0}),
    ],
)
def test_anything_else_goes_to_torch(change: dict[str, Any], knobs: dict[str, Any]) -> None:
    given: dict[str, Any] = {
        "query": torch.randn(5, 6, 1, 8),
        "key": cut(5, 2, 20, 8, 4, 8, torch.float32),
        "value": cut(5, 2, 20, 8, 4, 8, torch.float32),
        "mask": torch.ones(5, 1, 1, 4, dtype=torch.bool),
    }
    assert applies(**given, knobs={})
    assert not applies(**(given | change), knobs=knobs)


@pytest.mark.parametrize("architecture", sorted(set(ARCHITECTURES) - {"bloom"}))  # Bloom has an attention of its own
def test_a_network_gives_the_same_with_it(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []

    def counted(*given: Any) -> Tensor:
        calls.append(given)
        return attend(*given)

    monkeypatch.setattr("harness.models.attention.attend", counted)

    def logits(ours: bool) -> list[Tensor]:
        model: HuggingFaceModel = model_of(ARCHITECTURES[architecture](), torch.float32)
        if ours:
            install(model.network)
        rows = [[5, 1, 2, 3], [9], [7, 1] * 6]
        _, cache = model.prefill(rows)
        found = []
        for step, order in enumerate(([0, 1, 2], [2, 0, 1, 1, 0], [4, 3, 1], [1, 0], [1, 1])):
            rows, new = extend(model, cache, rows, step)
            found.append(new)
            cache.select(torch.tensor(order))
            rows = [rows[i] for i in order]
        return found

    plain = logits(False)
    assert not calls
    for a, b in zip(plain, logits(True), strict=True):
        torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-5)
    assert calls


def test_a_network_with_another_attention_is_left_alone() -> None:
    network = model_of(ARCHITECTURES["llama"](), torch.float32).network
    network.set_attn_implementation("eager")
    install(network)
    assert network.config._attn_implementation == "eager"
    network.set_attn_implementation("sdpa")
    install(network)
    assert network.config._attn_implementation == NAME
