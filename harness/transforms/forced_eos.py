"""An end of the text in any case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from harness.errors import InputError
from harness.knobs import checked
from harness.strategies.base import View
from harness.transforms.base import Transform, Worded
from harness.transforms.forced import only

if TYPE_CHECKING:
    from harness.models.base import LanguageModel


@dataclass(frozen=True)
class _ForcedEos(Worded):
    def tokenized(self, model: LanguageModel) -> Transform:
        if not model.eos:
            raise InputError(f"forced_eos=True: {model.name} has no token that ends a text")
        return self

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        last = (view.limit == view.step + 1).repeat_interleave(len(logits) // len(view.limit))
        return torch.where(last[:, None], only(logits, view.eos), logits)


@checked
def forced_eos(on: bool = False) -> Transform | None:
    """Let the last token that a continuation may have be an eos; of several, each is as likely. False is off.

    It costs a search nothing: the log-probability is 0.

    Source: transformers, `forced_eos_token_id`.
    Oracle: ForcedEOSTokenLogitsProcessor of transformers, also under beam search.
    """
    return _ForcedEos() if on else None
