"""The repetition penalty."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.knobs import Positive, checked
from harness.strategies.base import View
from harness.transforms.base import Transform


@dataclass(frozen=True)
class _RepetitionPenalty:
    penalty: float

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        seen = view.history.where(view.history >= 0, view.history[:, -1:])  # the last column is never padding
        at = logits.gather(1, seen)
        return logits.scatter(1, seen, torch.where(at < 0, at * self.penalty, at / self.penalty))


@checked
def repetition_penalty(penalty: Positive = 1.0) -> Transform | None:
    """Make every token of the prompt and the continuation less likely (Keskar et al., 2019, section 4.1). 1 is off.

    A positive logit is divided by the penalty and a negative one multiplied, as in the authors' code and transformers;
    the paper's equation divides all. Below 1 it rewards repetition.
    """
    return None if penalty == 1.0 else _RepetitionPenalty(penalty)
