"""Random numbers that belong to a row, not to a batch, a device or a strategy."""

from __future__ import annotations

from hashlib import blake2s

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def uniforms(seed: int, prompt_id: str, sample: int, steps: int, row: int = 0) -> NDArray[np.float64]:
    """[steps] draws in [0, 1), fixed by the arguments alone; asking for more steps keeps the earlier ones.

    The bits come from Philox (Salmon et al., 2011) under a key that hashes (seed, prompt id, sample, row), and are
    scaled here: NumPy promises a stable bit stream, but not a stable `Generator.random`. The strategy is left out of
    the key on purpose: under the same draws two strategies differ only by what they do (common random numbers).

    Args:
        seed: the sweep's seed.
        prompt_id: the prompt's stable id.
        sample: which continuation of the prompt.
        steps: how many draws.
        row: which row of the request, for strategies whose width is more than one.
    """
    key = blake2s(f"{seed}|{sample}|{row}|{prompt_id}".encode(), digest_size=16).digest()
    bits = np.random.Philox(key=np.frombuffer(key, "<u8")).random_raw(steps)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53  # the upper 53 bits: what a float64 in [0, 1) can hold


_GOLDEN, _MIX_1, _MIX_2 = -0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15


def expand(uniform: Tensor, count: int) -> Tensor:
    """[rows] draws -> [rows, count] draws in [0, 1): as many independent numbers as a step needs from each row's draw.

    SplitMix64 (Steele et al., 2014) seeded by the draw's bits, in int64 arithmetic that wraps alike on every device.
    """

    def shift(x: Tensor, by: int) -> Tensor:  # logical, as torch's >> on int64 is arithmetic
        return (x >> by) & ((1 << (64 - by)) - 1)

    seed = (uniform * 2.0**53).to(torch.int64)[:, None]
    z = seed * _MIX_1 + torch.arange(1, count + 1, device=uniform.device) * _GOLDEN
    z = (z ^ shift(z, 30)) * _MIX_1
    z = (z ^ shift(z, 27)) * _MIX_2
    z = z ^ shift(z, 31)
    return shift(z, 11).to(torch.float64) * 2.0**-53
