"""Rows of logits on which a sampler or a transform may go wrong, and a view of rows for transforms."""

from __future__ import annotations

import torch
from torch import Tensor


def adversarial(vocab: int) -> dict[str, Tensor]:
    """[vocab] float32 logits with ties, -inf, one-hot, all equal, and at the ends of their type."""
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(vocab, generator=generator)
    one_hot = torch.full((vocab,), -torch.inf)
    one_hot[vocab // 3] = 0.0
    one_likely = torch.zeros(vocab)
    one_likely[vocab // 2] = 5.0
    return {
        "normal": normal,
        "peaked": 8 * normal,
        "uniform": torch.zeros(vocab),
        "one hot": one_hot,
        "one likely, the others equal": one_likely,
        "a pair tied across the edge of the prefix": torch.arange(vocab, 0, -1).add(1).div(2, rounding_mode="floor")
        / 100,
        "few values": torch.randint(0, 3, (vocab,), generator=generator).float(),
        "rounded to bfloat16": (3 * normal).bfloat16().float(),
        "mostly forbidden": normal.masked_fill(torch.arange(vocab) % 7 != 0, -torch.inf),
        "fewer possible than the prefix": normal.masked_fill(torch.arange(vocab) > 20, -torch.inf),
        "huge": normal * 1e30,
        "tiny differences": normal * 1e-30,
        "close to the largest float": normal.sign() * torch.finfo(torch.float32).max,
    }
