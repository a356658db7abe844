"""Temperature."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.knobs import Temperature, checked
from harness.sampler import Ranked
from harness.strategies.base import View
from harness.transforms.base import Monotone, Transform


@dataclass(frozen=True)
class _Temperature(Monotone):
    value: float

    def ranked(self, ranked: Ranked) -> Ranked:
        return ranked.temper(self.value)

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        if self.value == math.inf:
            return torch.zeros_like(logits).masked_fill(logits == -torch.inf, -torch.inf)
        peak = logits.amax(-1, keepdim=True)
        if self.value == 0.0:
            return torch.zeros_like(logits).masked_fill(logits < peak, -torch.inf)
        if self.value >= 1.0:
            return logits / self.value
        # Below 1 the quotient can leave the range of the type: then divide the distance to the peak, which cannot.
        # In float64, because a temperature such as 1e-50 is zero in float32.
        shift = torch.where((peak.double() / self.value).abs() < torch.finfo(logits.dtype).max, 0.0, peak.double())
        return ((logits.double() - shift) / self.value).to(logits.dtype)


@checked
def temperature(value: Temperature = 1.0) -> Transform | None:
    """Divide the logits by a temperature (Ackley et al., 1985): p_i ∝ exp(l_i / τ).

    Both limits are exact. τ = 0 leaves the argmax alone (all of them, if several are equal); τ = inf makes every token
    that is still possible equally likely.

    Source: Ackley et al. (1985), the Boltzmann distribution, with logits for negative energies.
    Oracle: TemperatureLogitsWarper of transformers; its limits and their rates in experiments/temperature_limits.
    """
    return None if value == 1.0 else _Temperature(value)
