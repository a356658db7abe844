"""The repetition penalty."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.knobs import Count, Positive, checked
from harness.strategies.base import View
from harness.transforms.base import Transform
from harness.transforms.history import recent


@dataclass(frozen=True)
class _RepetitionPenalty:
    penalty: float
    window: int

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        seen = recent(view, self.window)
        seen = seen.where(seen >= 0, seen[:, -1:])  # the last column is never padding
        at = logits.gather(1, seen)
        return logits.scatter(1, seen, torch.where(at < 0, at * self.penalty, at / self.penalty))


@checked
def repetition_penalty(penalty: Positive = 1.0, window: Count = 0) -> Transform | None:
    """Make every token of the prompt and the continuation less likely. 1 is off; below 1 repetition is rewarded.

    A positive logit is divided by the penalty and a negative one multiplied, as in the authors' code and transformers;
    the paper's equation divides all.

    Source: Keskar et al. (2019), CTRL, section 4.1.
    Oracle: RepetitionPenaltyLogitsProcessor of transformers.

    Args:
        penalty: by which logits are divided.
        window: how many of the last tokens count, those of the prompt included; 0 is all of them (llama.cpp's
            repeat_last_n, for which 0 is off).
    """
    return None if penalty == 1.0 else _RepetitionPenalty(penalty, window)
