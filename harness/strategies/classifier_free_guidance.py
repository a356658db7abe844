"""Classifier-free guidance: away from what the model would say without the prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from harness.companion import Companion
from harness.knobs import Count, Finite, Positive, Share, Temperature, checked
from harness.strategies.accompanied import FLOOR, Accompanied, rule
from harness.strategies.base import View

if TYPE_CHECKING:
    from harness.models.base import LanguageModel


@dataclass(frozen=True)
class _Guide:
    scale: float

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        """What the model says after the prompt, moved away from what it says without."""
        assert view.other is not None
        without = view.other.log_softmax(-1).clamp(min=FLOOR)
        guided = without + self.scale * (logits.log_softmax(-1) - without)
        return guided.masked_fill(logits == -torch.inf, -torch.inf)


@dataclass(frozen=True)
class ClassifierFreeGuidance(Accompanied):
    """The model itself reads beside, after another prompt."""

    guidance_scale: float
    negative_prompt: str | None

    def companion(self, model: LanguageModel) -> Companion | None:
        """The model after the negative prompt, or after the prompt's last token; nobody where nothing is guided."""
        if self.guidance_scale == 1.0:
            return None
        if self.negative_prompt is None:
            return Companion(model, lambda prompt: prompt[-1:])
        instead = model.encode(self.negative_prompt)
        return Companion(model, lambda _: instead)


@checked
def classifier_free_guidance(
    *,
    guidance_scale: Finite = 1.5,
    negative_prompt: str | None = None,
    repetition_penalty: Positive = 1.0,
    temperature: Temperature = 0.0,
    top_k: Count = 0,
    top_p: Share = 1.0,
) -> ClassifierFreeGuidance:
    """Score tokens by log p(v | without) + guidance_scale (log p(v | prompt) - log p(v | without)).

    The softmax of the scores is p(prompt)^s p(without)^(1 - s). Both texts go on with the same continuation.

    Source: Sanchez et al. (2024), Stay on topic with classifier-free guidance, section 2.2; its negative prompt too.
    Oracle: UnbatchedClassifierFreeGuidanceLogitsProcessor of transformers, in generate; a scale of 1 is plain decoding.

    Args:
        guidance_scale: 1 is off, more follows the prompt more closely, 0 decodes without it.
        negative_prompt: a text that is read in the prompt's place, by itself; an empty one is the model's start token.
            None: the prompt's last token, as in the paper and in transformers.
        repetition_penalty: of the scores, of all tokens so far; 1 is off.
        temperature: of the scores; 0 takes the best.
        top_k: keep the k best scores; 0 is off.
        top_p: keep the best scores that hold this mass; 1 is off.
    """
    chosen = rule(
        None if guidance_scale == 1.0 else _Guide(guidance_scale),
        repetition_penalty=repetition_penalty,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
    )
    return ClassifierFreeGuidance(chosen, guidance_scale, negative_prompt)
