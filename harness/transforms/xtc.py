"""XTC: exclude the top choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from harness.draws import expand
from harness.knobs import Fraction, checked
from harness.nodes import Prefix
from harness.strategies.base import View
from harness.transforms.base import Transform

Threshold = Annotated[float, Field(ge=0, le=0.5)]  # above a half there can be no two such tokens


@dataclass(frozen=True)
class _Xtc:
    probability: float
    threshold: float

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        happens = expand(view.uniform, 1)[:, 0] < self.probability
        most = int(min(logits.shape[1], 1 / self.threshold + 1)) if self.threshold else logits.shape[1]
        likeliest = Prefix.of(logits, most)
        below = likeliest.values.double() - likeliest.values[:, :1].double()
        chances = below.exp() * logits.softmax(-1).amax(-1, keepdim=True)
        top = (chances >= self.threshold) & (chances > 0)
        forbidden = top[:, 1:] & happens[:, None]  # whoever has another such token after it
        tokens = likeliest.tokens[:, :-1]
        return logits.scatter(1, tokens, logits.gather(1, tokens).masked_fill(forbidden, -torch.inf))


@checked
def xtc(probability: Fraction = 0.0, threshold: Threshold = 0.1) -> Transform | None:
    """Exclude top choices: at some steps, forbid the likely tokens but the least likely of them. 0 is off.

    With the given probability, of the tokens that have at least the threshold's probability all but the last are
    forbidden; of equally likely ones the largest id is the last. A single one stays. Whether it happens is drawn from
    the row's draw, expanded (`harness.draws.expand`): the draw itself picks the token.

    Source: p-e-w (2024), text-generation-webui, pull 6335; as llama.cpp, which spares neither newline nor eos.
    Oracle: a loop in the tests, written from that description; the share of steps over many draws.

    Args:
        probability: of happening at a step; 0.5 is usual.
        threshold: from 0 to 0.5; 0.1 is usual.
    """
    return _Xtc(probability, threshold) if probability > 0.0 else None
