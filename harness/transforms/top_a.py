"""Top-a."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.knobs import Fraction, checked
from harness.sampler import Ranked
from harness.transforms.base import Transform, Truncation


@dataclass(frozen=True)
class _TopA(Truncation):
    a: float

    def ranked(self, ranked: Ranked) -> Ranked:
        return ranked.above(math.log(self.a) - ranked.total()[0].log())


@checked
def top_a(a: Fraction = 0.0) -> Transform | None:
    """Keep the tokens whose probability is at least a times the square of the largest. 0 is off.

    Where the model is sure it keeps few, where it is not it keeps many. Its author tunes the exponent too; here, as in
    the engines that took it over, it is 2.

    Source: Peng Bo (BlinkDL), README of RWKV-LM (2022), "The top-a sampling method".
    Oracle: a loop in the tests, written from that README.
    """
    return None if a == 0.0 else _TopA(a)
