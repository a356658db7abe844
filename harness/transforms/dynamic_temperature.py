"""Dynamic temperature, which follows the entropy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.errors import InputError
from harness.knobs import NonNegative, Positive, Temperature, checked
from harness.nodes import Nodes
from harness.sampler import Ranked
from harness.strategies.base import View
from harness.tail import Tail, tempered
from harness.transforms.base import Monotone, Transform
from harness.transforms.temperature import temperature as plain


@dataclass(frozen=True)
class _DynamicTemperature(Monotone):
    lowest: float
    highest: float
    exponent: float

    def ranked(self, ranked: Ranked) -> Ranked:
        return ranked.temper(self._values(*ranked.entropy()))

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        nodes = Nodes(logits)
        values = self._values(*Tail(nodes, torch.arange(len(logits), device=logits.device)).entropy())
        peak = nodes.peak[:, None].double()
        # The quotient of the peak can leave the range of the type: the others then are distances to it, as in `plain`.
        shift = peak / values[:, None]
        shift = shift.where(shift.abs() < torch.finfo(logits.dtype).max, 0.0)
        return (tempered(logits.double() - peak, values) + shift).to(logits.dtype)

    def _values(self, entropy: Tensor, _: Tensor, possible: Tensor) -> Tensor:
        """[rows] float64: the temperatures."""
        share = (entropy / possible.double().log()).where(possible > 1, 0.0).clamp(0.0, 1.0)
        values = self.lowest + (self.highest - self.lowest) * share**self.exponent
        return values.clamp(min=torch.finfo(values.dtype).tiny)  # at 0 the quotient of equal logits would be nan


@checked
def dynamic_temperature(
    temperature: Temperature = 1.0, dynatemp_range: NonNegative = 0.0, dynatemp_exponent: Positive = 1.0
) -> Transform | None:
    """Divide the logits by a temperature that is low where the model is sure and high where it is not.

    τ = max(0, T - r) + (T + r - max(0, T - r)) (H / ln n)^e, with H the entropy over the n tokens that are still
    possible, T `temperature`, r `dynatemp_range`, e `dynatemp_exponent`. A range of 0 is a plain temperature.

    Source: llama.cpp (2024), sampler `temp_ext`; there is no paper.
    Oracle: a loop in the tests, written from llama.cpp's `temp_ext`.

    Raises:
        InputError: there is an exponent and no range, or a range around a temperature that is not finite.
    """
    if dynatemp_range == 0.0:
        if dynatemp_exponent != 1.0:
            raise InputError(
                f"dynatemp_exponent={dynatemp_exponent}: changes nothing while dynatemp_range is 0, which is off "
                "(allowed then: 1)"
            )
        return plain(temperature)
    highest = temperature + dynatemp_range
    if highest == math.inf:
        raise InputError(f"dynatemp_range={dynatemp_range}: temperature={temperature} has no range (allowed then: 0)")
    return _DynamicTemperature(max(0.0, temperature - dynatemp_range), highest, dynatemp_exponent)
