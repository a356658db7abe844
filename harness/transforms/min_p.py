"""Min-p."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from harness.knobs import Fraction, checked
from harness.sampler import Ranked
from harness.transforms.base import Transform, Truncation


@dataclass(frozen=True)
class _MinP(Truncation):
    p: float

    def ranked(self, ranked: Ranked) -> Ranked:
        return ranked.above(torch.full_like(ranked.values[:, 0], math.log(self.p)))


@checked
def min_p(p: Fraction = 0.0) -> Transform | None:
    """Keep the tokens that are at least p times as likely as the likeliest. 0 is off, 1 keeps the likeliest alone.

    Source: Nguyen et al. (2024), min-p sampling: keep v where p(v) >= p_base * max p.
    Oracle: MinPLogitsWarper of transformers; kept-set sizes on logits of GPT-2.
    """
    return None if p == 0.0 else _MinP(p)
