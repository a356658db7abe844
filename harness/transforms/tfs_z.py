"""Tail-free sampling."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from harness.knobs import Share, checked
from harness.sampler import Ranked
from harness.transforms.base import Transform, Truncation


@dataclass(frozen=True)
class _TailFree(Truncation):
    z: float

    def ranked(self, ranked: Ranked) -> Ranked:
        values = ranked.values
        possible = values > -torch.inf
        if values.shape[1] < 3:
            return ranked.keep(possible, torch.zeros_like(ranked.sure))
        weights = values.exp()
        slopes = weights.diff()
        ends = (slopes.diff().abs() * possible[:, 2:]).cumsum(-1)  # of the second derivative
        total = ends[:, -1:]
        # Tokens that are not sorted add at most so much to the total; the cut is sure if it is the same either way.
        more = torch.where(ranked.within()[:, None], 0.0, 2 * weights[:, -1:] - slopes[:, -1:])
        at = (ends <= self.z * total).sum(-1)
        latest = (ends <= self.z * (total + more)).sum(-1)
        none, last = at == ends.shape[1], ends.shape[1]
        threshold = values.gather(1, at.clamp(max=last - 1)[:, None] + 1)[:, 0]
        kept = torch.where(none[:, None], possible, values >= threshold[:, None])
        return ranked.keep(kept, (at == latest) & ~none & (threshold > values[:, -1]))


@checked
def tfs_z(z: Share = 1.0) -> Transform | None:
    """Cut the tail of the sorted probabilities, where their second derivative has died away. 1 is off.

    With d_i = |p_i - 2 p_(i+1) + p_(i+2)| over the possible tokens, sorted, the tail begins after token j + 1 for the
    first j where d_0 + ... + d_j exceeds z of the whole: at least two tokens are kept, and those equal to the last.
    Where the curve is straight (a uniform distribution) there is no tail. text-generation-webui keeps one token less,
    llama.cpp of 2023 two, both down to one.

    Source: Bricken (2019), "Tail Free Sampling", the algorithm; its code reads the cut from unsorted logits, a slip.
    Oracle: a loop in the tests, written from that description.
    """
    return None if z == 1.0 else _TailFree(z)
