"""Eta sampling."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.knobs import Cutoff, checked
from harness.sampler import Ranked
from harness.transforms.base import Transform, Truncation


@dataclass(frozen=True)
class _EtaCutoff(Truncation):
    epsilon: float

    def ranked(self, ranked: Ranked) -> Ranked:
        entropy, total, _ = ranked.entropy()
        log = math.log(self.epsilon)
        return ranked.above((0.5 * log - entropy).clamp(max=log) + total.log())


@checked
def eta_cutoff(epsilon: Cutoff = 0.0) -> Transform | None:
    """Keep the tokens whose probability is at least η, which falls with the entropy; always the likeliest. 0 is off.

    The knob is ε; α of the paper is √ε, as its authors recommend. Where H is small, η is ε.

    Source: Hewitt et al. (2022), eta sampling: keep v where p(v) >= η = min(ε, α exp(-H)).
    Oracle: EtaLogitsWarper of transformers; kept-set sizes on logits of GPT-2.
    """
    return None if epsilon == 0.0 else _EtaCutoff(epsilon)
