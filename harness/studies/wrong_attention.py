"""Attention with three mistakes, each in the place of one part of `harness.models.gpt2_numpy.Attention`.

They are those of a homework solution that printed gibberish and concluded that larger models are hardly better.
R, H, T, K, W and D are the letters of `harness.models.gpt2_numpy`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from harness.errors import InputError, did_you_mean
from harness.models.gpt2_numpy import Array, Attention, Ints


def added_mask(scores: Array, positions: Ints) -> Array:
    """A lower triangle of ones, added to the scores: where minus infinity above the diagonal is meant.

    A later position keeps 1/e of the weight that it would have as an earlier one. So every position reads its future,
    and what it says of the next token changes when that token is there.

    Args:
        scores: [R, H, T, K].
        positions: [R, T] of the queries.
    """
    triangle = np.arange(scores.shape[3]) <= positions[:, None, :, None]  # [R, 1, T, K]
    return scores + triangle.astype(scores.dtype)  # [R, H, T, K]


def no_scale(dim: int) -> float:
    """1: where 1/√D is meant. GPT-2's heads have D = 64, so scores are 8 times too far apart."""
    return 1.0


def unmoved_heads(x: Array, heads: int) -> Array:
    """[R, T, W] -> [R, H, T, D] by reshaping alone: where axes are to be exchanged after it.

    Head h then holds the rows h·T/H to (h+1)·T/H of the text, each cut into H pieces that pass for positions: at place
    t stands a piece of token ⌊(h·T+t)/H⌋. A head no longer sees the whole text, and early places of later heads hold
    later tokens: what these say leaks past every mask, and how long the text is, which decides what stands where.
    """
    rows, time, width = x.shape
    return x.reshape(rows, heads, time, width // heads)  # [R, H, T, D]


WRONG: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"mask": added_mask, "scale": no_scale, "split": unmoved_heads}
)
"""By the part of `Attention` that each takes the place of."""


def attention(mistakes: Iterable[str]) -> Attention:
    """GPT-2's attention with some of the mistakes; with none it is the right one.

    Raises:
        InputError: there is no such mistake.
    """
    chosen = {}
    for name in mistakes:
        if name not in WRONG:
            raise InputError(f"mistakes={name!r}: {did_you_mean(name, WRONG)}")
        chosen[name] = WRONG[name]
    return Attention(**chosen)
