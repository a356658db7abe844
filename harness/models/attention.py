"""Attention of one new token per row, on a CPU: two matrix products over the cache's buffers as they lie in memory.

torch's scaled_dot_product_attention works head by head, and a head's product with one query is too small for it: 352
rows of GPT-2 over 80 tokens take 18 ms a layer in float32 and 30 in bfloat16, the two batched products 8 and 6. They
are that fast only where rows and heads lie without gaps: so they run over the whole buffer and mask what is not in use.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

NAME = "harness_one_token"
DTYPES = (torch.float32, torch.bfloat16)


def install(network: Any) -> None:
    """Let a network that uses torch's attention use this one where it applies. Other networks are left alone."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    def attention(
        module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **knobs: Any
    ) -> tuple[Tensor, None]:
        if applies(query, key, value, attention_mask, knobs):
            assert attention_mask is not None
            scaling = query.shape[3] ** -0.5 if knobs.get("scaling") is None else knobs["scaling"]
            return attend(query, key, value, attention_mask, scaling), None
        plain: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **knobs)
        return plain

    if network.config._attn_implementation == "sdpa" and network._can_set_attn_implementation():
        AttentionInterface.register(NAME, attention)
        AttentionMaskInterface.register(NAME, sdpa_mask)
        network.set_attn_implementation(NAME)


def applies(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, knobs: dict[str, Any]) -> bool:
    """Whether `attend` gives what torch's attention would: one token per row, and keys that are a cut of a buffer."""
    return (
        query.shape[2] == 1
        and query.device.type == "cpu"
        and query.dtype in DTYPES
        and mask is not None
        and mask.dtype == torch.bool
        and mask.shape == (len(query), 1, 1, key.shape[2])
        and not knobs.get("dropout")
        and all(knobs.get(name) is None for name in ("position_bias", "softcap", "s_aux", "cache"))
        and all(_is_cut(x) for x in (key, value))
    )


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scaling: float) -> Tensor:
    """The weighted values of each row's new token; see Vaswani et al. (2017), equation 1.

    The weights are normalised in float32. In bfloat16 the scores are rounded before that, as in transformers' eager
    attention.

    Args:
        query: [rows, heads, 1, head dim].
        key: [rows, kv heads, width, head dim], columns of a buffer [rows, kv heads, all columns, head dim] whose other
            columns hold finite numbers.
        value: of another buffer, in the same manner.
        mask: [rows, 1, 1, width] bool: which columns count.
        scaling: of the scores.

    Returns:
        [rows, 1, heads, head dim].
    """
    rows, heads, _, _ = query.shape
    keys, first = _buffer(key)
    values, same = _buffer(value)
    assert first == same
    columns, kv_heads = keys.shape[1], key.shape[1]
    scores = torch.bmm((query * scaling).view(rows * kv_heads, heads // kv_heads, -1), keys.transpose(1, 2))
    counts = torch.zeros(rows, 1, columns, dtype=torch.bool)
    counts[:, :, first : first + mask.shape[3]] = mask[:, 0]
    weights = scores.float().view(rows, heads, columns).masked_fill_(~counts, -torch.inf).softmax(-1)
    out = torch.bmm(weights.to(query.dtype).view(rows * kv_heads, heads // kv_heads, columns), values)
    return out.view(rows, 1, heads, -1)


def _is_cut(x: Tensor) -> bool:
    """Whether x is some columns of a buffer without gaps, from its first row on."""
    rows, heads, width, dim = x.shape
    head = x.stride(1)
    whole = x.stride() == (heads * head, head, dim, 1) and head % dim == 0 and head >= width * dim
    return whole and x.storage_offset() + width * dim <= head and rows > 0


def _buffer(x: Tensor) -> tuple[Tensor, int]:
    """The buffer that x is cut from, [rows * heads, columns, dim], and the column that x begins with."""
    rows, heads, _, dim = x.shape
    head = x.stride(1)
    return x.as_strided((rows * heads, head // dim, dim), (head, dim, 1), 0), x.storage_offset() // dim
