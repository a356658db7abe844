"""Top-H."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from harness.knobs import Fraction, checked
from harness.sampler import Ranked
from harness.transforms.base import Transform, Truncation

FIRST = 100
"""Of how many tokens the entropy is taken; the others are forbidden."""


@dataclass(frozen=True)
class _TopH(Truncation):
    h: float

    def ranked(self, ranked: Ranked) -> Ranked:
        values = ranked.values[:, :FIRST]
        weights = values.exp()
        total = weights.cumsum(-1)[:, -1:]
        terms = (weights / total * (total.log() - values)).where(weights > 0, 0.0)  # -p log p
        ends = terms.cumsum(-1)
        kept = torch.zeros_like(ranked.values, dtype=torch.bool)
        kept[:, :FIRST] = (ends <= self.h * ends[:, -1:]) & (weights > 0)
        kept[:, 0] = True
        return ranked.keep(kept, torch.full_like(ranked.sure, ranked.values.shape[1] >= FIRST))


@checked
def top_h(h: Fraction = 0.0) -> Transform | None:
    """Keep the likeliest tokens that hold a share h of the entropy. 0 is off, 1 keeps the 100 likeliest.

    As in transformers and the authors' code: p is the distribution of the 100 likeliest tokens, and tokens are kept
    while their sum of -p log p is at most h of the whole; the paper bounds the entropy of what is kept, normalised, and
    has no 100. The likeliest is always kept; among equally likely tokens at the edge, the smaller ids.

    Source: Potraghloo et al. (2025), top-H decoding: the largest mass with H(q) <= α H(p), greedily; α is the knob.
    Oracle: TopHLogitsWarper of transformers.
    """
    return None if h == 0.0 else _TopH(h)
