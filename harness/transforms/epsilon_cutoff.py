"""Epsilon sampling."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.knobs import Cutoff, checked
from harness.sampler import Ranked
from harness.transforms.base import Transform, Truncation


@dataclass(frozen=True)
class _EpsilonCutoff(Truncation):
    epsilon: float

    def ranked(self, ranked: Ranked) -> Ranked:
        return ranked.above(math.log(self.epsilon) + ranked.total()[0].log())


@checked
def epsilon_cutoff(epsilon: Cutoff = 0.0) -> Transform | None:
    """Keep the tokens whose probability is at least ε, and always the likeliest. 0 is off.

    Source: Hewitt et al. (2022), epsilon sampling: keep v where p(v) >= ε.
    Oracle: EpsilonLogitsWarper of transformers; kept-set sizes on logits of GPT-2.
    """
    return None if epsilon == 0.0 else _EpsilonCutoff(epsilon)
