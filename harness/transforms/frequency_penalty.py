"""The frequency penalty."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.knobs import Count, Finite, checked
from harness.strategies.base import View
from harness.transforms.base import Transform
from harness.transforms.history import written


@dataclass(frozen=True)
class _FrequencyPenalty:
    penalty: float
    window: int

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        seen = written(view, self.window).contiguous()
        ordered = seen.sort(-1).values
        counts = torch.searchsorted(ordered, seen, right=True) - torch.searchsorted(ordered, seen)
        return logits.scatter(1, seen, logits.gather(1, seen) - counts * self.penalty)


@checked
def frequency_penalty(penalty: Finite = 0.0, window: Count = 0) -> Transform | None:
    """Lower the logit of a token by a constant for each time that the continuation has it: l_i - β c_i. 0 is off.

    The prompt does not count; in llama.cpp it does. Negative values reward repetition.

    Source: OpenAI's API and vLLM, `frequency_penalty`; there is no paper.
    Oracle: a loop in the tests, written from OpenAI's formula.

    Args:
        penalty: β; OpenAI and vLLM allow -2 to 2.
        window: how many of the last tokens of the continuation count; 0 is all of them.
    """
    return None if penalty == 0.0 else _FrequencyPenalty(penalty, window)
