"""The presence penalty."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from harness.knobs import Count, Finite, checked
from harness.strategies.base import View
from harness.transforms.base import Transform
from harness.transforms.history import written


@dataclass(frozen=True)
class _PresencePenalty:
    penalty: float
    window: int

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        seen = written(view, self.window)
        return logits.scatter(1, seen, logits.gather(1, seen) - self.penalty)


@checked
def presence_penalty(penalty: Finite = 0.0, window: Count = 0) -> Transform | None:
    """Lower the logit of every token of the continuation by a constant: l_i - α [c_i > 0]. 0 is off.

    The prompt does not count; in llama.cpp it does. Negative values reward repetition.

    Source: OpenAI's API and vLLM, `presence_penalty`; there is no paper.
    Oracle: a loop in the tests, written from OpenAI's formula.

    Args:
        penalty: α; OpenAI and vLLM allow -2 to 2.
        window: how many of the last tokens of the continuation count; 0 is all of them.
    """
    return None if penalty == 0.0 else _PresencePenalty(penalty, window)
