"""A least length."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.knobs import Count, checked
from harness.strategies.base import View
from harness.transforms.base import Transform


@dataclass(frozen=True)
class _MinNewTokens:
    count: int

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        if view.step >= self.count or not view.eos:
            return logits
        return logits.index_fill(1, torch.tensor(sorted(view.eos), device=logits.device), -torch.inf)


@checked
def min_new_tokens(count: Count = 0) -> Transform | None:
    """Forbid the end of the text before it has so many new tokens. 0 is off.

    Source: transformers, `min_new_tokens`.
    Oracle: MinNewTokensLengthLogitsProcessor of transformers, also under beam search.
    """
    return None if count == 0 else _MinNewTokens(count)
