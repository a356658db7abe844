"""How a continuation has to begin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from harness.knobs import checked
from harness.strategies.base import View
from harness.transforms.base import Transform, Worded
from harness.transforms.phrases import Phrase, tokens_of

if TYPE_CHECKING:
    from harness.models.base import LanguageModel


def only(logits: Tensor, tokens: Iterable[int]) -> Tensor:
    """Logits of the same shape, 0 for some tokens and -inf for all others."""
    return torch.full_like(logits, -torch.inf).index_fill_(1, torch.tensor(list(tokens), device=logits.device), 0.0)


@dataclass(frozen=True)
class _Forced(Worded):
    phrase: Phrase

    def tokenized(self, model: LanguageModel) -> Transform:
        return _Forced(tokens_of(self.phrase, model, "forced"))

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        if not isinstance(self.phrase, tuple):
            raise TypeError("forced is called before it is tokenized")
        return only(logits, self.phrase[view.step : view.step + 1]) if view.step < len(self.phrase) else logits


@checked
def forced(phrase: Phrase | None = None) -> Transform | None:
    """Let every continuation begin with a text or tokens. None is off.

    They cost a search nothing: their log-probability is 0. A text is read as it stands; mind the space before a word.

    Source: transformers, `forced_bos_token_id`, here for any number of tokens.
    Oracle: ForcedBOSTokenLogitsProcessor of transformers; the prompt with these tokens.
    """
    return None if phrase is None else _Forced(phrase)
