"""Top-p, the nucleus."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from harness.knobs import Share, checked
from harness.sampler import Ranked
from harness.transforms.base import Transform, Truncation


@dataclass(frozen=True)
class _TopP(Truncation):
    p: float

    def ranked(self, ranked: Ranked) -> Ranked:
        wanted = self.p * ranked.total()[0]
        ends = ranked.values.exp().cumsum(-1)
        before = torch.cat([torch.zeros_like(ends[:, :1]), ends[:, :-1]], 1)  # the weight of all likelier tokens
        return ranked.keep(before < wanted[:, None], ends[:, -1] >= wanted)


@checked
def top_p(p: Share = 1.0) -> Transform | None:
    """Keep the smallest set of likeliest tokens whose probability reaches p (Holtzman et al., 2020). 1 is off.

    Among equally likely tokens at the edge the smaller ids are kept.

    Source: Holtzman et al. (2020), section 3.1, nucleus sampling.
    Oracle: TopPLogitsWarper of transformers; kept-set sizes on logits of GPT-2.
    """
    return None if p == 1.0 else _TopP(p)
