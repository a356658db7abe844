"""No n-gram twice."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.knobs import Count, checked
from harness.strategies.base import View
from harness.transforms.base import Transform
from harness.transforms.history import lower


@dataclass(frozen=True)
class _NoRepeatNGram:
    size: int

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        history, time = view.history, view.history.shape[1]
        ends = history[:, self.size - 1 :]  # the last token of every n-gram so far
        if not ends.shape[1]:
            return logits
        again = ends >= 0
        for back in range(1, self.size):  # whether the tokens before it are those that come before this step
            earlier, now = history[:, self.size - 1 - back : time - back], history[:, time - back, None]
            again = again & (earlier == now) & (now >= 0)
        return lower(logits, ends, torch.as_tensor(again))


@checked
def no_repeat_ngram(size: Count = 0) -> Transform | None:
    """Forbid every token that would end an n-gram which the text has already. 0 is off.

    As in transformers, the prompt is part of the text: its n-grams may not be repeated either.

    Source: Paulus et al. (2018), section 2.5, with trigrams.
    Oracle: NoRepeatNGramLogitsProcessor of transformers, also under beam search.
    """
    return None if size == 0 else _NoRepeatNGram(size)
