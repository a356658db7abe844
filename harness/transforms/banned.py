"""Tokens and phrases that may not appear."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from harness.knobs import checked
from harness.strategies.base import View
from harness.transforms.base import Transform, Worded
from harness.transforms.logit_bias import Biased
from harness.transforms.phrases import Phrase, readings

if TYPE_CHECKING:
    from harness.models.base import LanguageModel


@dataclass(frozen=True)
class _Banned(Worded):
    phrases: tuple[Phrase, ...]

    def tokenized(self, model: LanguageModel) -> Transform:
        return Biased(tuple((r, -math.inf) for phrase in self.phrases for r in readings(phrase, model, "banned")))

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        raise TypeError("banned is called before it is tokenized")


@checked
def banned(phrases: tuple[Phrase, ...] | None = None) -> Transform | None:
    """Forbid tokens and phrases: the last token of a phrase, where the text ends in the others. None is off.

    The prompt is part of the text. An eos can be banned too, which transformers does not do. Texts are read with and
    without a space before them, so `banned=[he]` also forbids the piece "he" within words; `banned=[" he"]` does not.
    A phrase that is spelled by other tokens than the tokenizer's own is not noticed.

    Source: transformers, `bad_words_ids`; for texts vLLM, `bad_words`.
    Oracle: NoBadWordsLogitsProcessor of transformers, also under beam search.

    Args:
        phrases: token ids, lists of token ids, or texts.
    """
    return _Banned(tuple(phrases)) if phrases else None
