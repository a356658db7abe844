"""A constant added to the logits of chosen tokens, or of those that would end chosen phrases."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from harness.knobs import Finite, checked
from harness.strategies.base import View
from harness.transforms.base import Transform, Worded
from harness.transforms.phrases import Phrase, readings

if TYPE_CHECKING:
    from harness.models.base import LanguageModel


@dataclass(frozen=True)
class Biased:
    """Adds to the logit of every sequence's last token, where the text ends in its other tokens."""

    biases: tuple[tuple[tuple[int, ...], float], ...]  # sequences of tokens, and what each adds

    @cached_property
    def _by_length(self) -> list[tuple[Tensor, Tensor]]:
        """Sequences of one length each [n, length], and their biases [n]."""
        same = groupby(sorted(self.biases, key=lambda each: len(each[0])), key=lambda each: len(each[0]))
        groups = [list(each) for _, each in same]
        return [(torch.tensor([s for s, _ in g]), torch.tensor([b for _, b in g], dtype=torch.float64)) for g in groups]

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        """Biases of several sequences with one last token add up."""
        out, history = logits.clone(), view.history
        for sequences, biases in self._by_length:
            before = sequences[:, :-1].to(logits.device)
            if before.shape[1] > history.shape[1]:
                continue
            text = history[:, history.shape[1] - before.shape[1] :]
            meets = (text[:, None] == before).all(-1)  # [rows, n]
            added = torch.where(meets, biases.to(logits), 0.0).to(logits.dtype)
            out.index_add_(1, sequences[:, -1].to(logits.device), added)
        return out


@dataclass(frozen=True)
class _LogitBias(Worded):
    biases: tuple[tuple[Phrase, float], ...]

    def tokenized(self, model: LanguageModel) -> Transform:
        told = []
        for phrase, bias in self.biases:
            several = readings(phrase, model, "logit_bias")
            # " 7" may be a space and then "7": the shorter reading is met wherever the longer is, and counts once.
            told += [(r, bias) for r in several if not any(r != s and r[-len(s) :] == s for s in several)]
        return Biased(tuple(told))

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        raise TypeError("logit_bias is called before it is tokenized")


@checked
def logit_bias(biases: tuple[tuple[Phrase, Finite], ...] | None = None) -> Transform | None:
    """Add a constant to the logits of chosen tokens. None is off.

    The bias of a phrase of several tokens falls on its last token, and only where the text, the prompt included, ends
    in the others.

    Source: OpenAI's API and vLLM, `logit_bias`; for phrases transformers, `sequence_bias`.
    Oracle: SequenceBiasLogitsProcessor of transformers.

    Args:
        biases: pairs of a token id, a list of token ids or a text, and what is added. A text stands for itself and for
            itself after a space (`harness.transforms.phrases.readings`).
    """
    return _LogitBias(tuple(biases)) if biases else None
