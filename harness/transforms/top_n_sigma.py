"""Top-nσ."""

from __future__ import annotations

from dataclasses import dataclass

from harness.knobs import NonNegative, checked
from harness.sampler import Ranked
from harness.transforms.base import Transform, Truncation


@dataclass(frozen=True)
class _TopNSigma(Truncation):
    n: float

    def ranked(self, ranked: Ranked) -> Ranked:
        return ranked.above(-self.n * ranked.deviation())


@checked
def top_n_sigma(n: NonNegative = 0.0) -> Transform | None:
    """Keep the tokens whose logit is within n standard deviations of the largest. 0 is off.

    σ is that of the logits of all tokens that are still possible. A temperature before it changes nothing: it divides
    the distances and σ alike.

    Source: Tang et al. (2024), top-nσ: keep v where l(v) >= max l - n σ.
    Oracle: a loop in the tests, written from llama.cpp's `top_n_sigma`, where too 0 is off.
    """
    return None if n == 0.0 else _TopNSigma(n)
