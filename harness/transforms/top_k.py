"""Top-k."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from harness.knobs import Count, checked
from harness.sampler import Ranked
from harness.transforms.base import Transform, Truncation


@dataclass(frozen=True)
class _TopK(Truncation):
    k: int

    def ranked(self, ranked: Ranked) -> Ranked:
        if self.k >= ranked.values.shape[1]:
            return ranked.keep(ranked.values > -torch.inf, torch.zeros_like(ranked.sure))
        threshold = ranked.values[:, self.k - 1 : self.k]
        return ranked.keep(ranked.values >= threshold, threshold[:, 0] > ranked.values[:, -1])


@checked
def top_k(k: Count = 0) -> Transform | None:
    """Keep the k likeliest tokens (Fan et al., 2018). 0 is off.

    Tokens equal to the k-th likeliest are kept too, as in transformers.

    Source: Fan et al. (2018), Hierarchical neural story generation.
    Oracle: TopKLogitsWarper of transformers.
    """
    return None if k == 0 else _TopK(k)
