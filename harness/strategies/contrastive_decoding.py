"""Contrastive decoding: what a large model finds likely and a small one does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from torch import Tensor

from harness import transforms
from harness.companion import Companion
from harness.knobs import Count, Fraction, Positive, Share, Temperature, checked
from harness.models.beside import beside, check_beside
from harness.strategies.accompanied import Accompanied, contrast, rule
from harness.strategies.base import View

if TYPE_CHECKING:
    from harness.models.base import LanguageModel

AmateurTemperature = Annotated[float, Field(gt=0, allow_inf_nan=True)]
KEY = "strategy.amateur"


@dataclass(frozen=True)
class _Contrast:
    alpha: float
    amateur_temperature: float

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        """The scores of the paper; where no companion reads, the amateur is the model itself."""
        amateur = logits if view.other is None else view.other
        if temper := transforms.temperature(self.amateur_temperature):
            amateur = temper(amateur, view)
        return contrast(logits, amateur, self.alpha)


@dataclass(frozen=True)
class ContrastiveDecoding(Accompanied):
    """The model is the expert; the amateur reads the same tokens."""

    amateur: str

    def preflight(self) -> None:
        """Whether the amateur can be had."""
        check_beside(self.amateur, KEY)

    def companion(self, model: LanguageModel) -> Companion | None:
        """The amateur; nobody where it has the model's own weights, so that the contrast is exactly what it should."""
        amateur = beside(self.amateur, model, KEY)
        return None if amateur.fingerprint == model.fingerprint else Companion(amateur)


@checked
def contrastive_decoding(
    *,
    amateur: str,
    alpha: Fraction = 0.1,
    amateur_temperature: AmateurTemperature = 1.0,
    repetition_penalty: Positive = 1.0,
    temperature: Temperature = 0.0,
    top_k: Count = 0,
    top_p: Share = 1.0,
) -> ContrastiveDecoding:
    """Score the tokens v with p_expert(v) >= alpha max p_expert by log p_expert(v) - log p_amateur(v), others by -inf.

    The paper searches for the largest sum of scores with five beams; here the largest score is taken at each step, or
    a token drawn from the softmax of the scores. The amateur reads the whole text. With the model itself as the amateur
    all plausible tokens score 0: the smallest id is taken, or all are equally likely.

    Source: Li et al. (2023), Contrastive decoding, equation 3 (the score under the plausibility constraint).
    Oracle: a loop from the paper over two models of transformers; alpha = 1 and amateur_temperature = inf are greedy.

    Args:
        amateur: of `conf/model`, or a model's directory, or its id on the hub; with the tokens of the decoding model,
            whose dtype, device and backend it gets.
        alpha: of the plausibility constraint, relative to the likeliest token: 0 is none, 1 greedy.
        amateur_temperature: above 0; below 1 it leaves the amateur's other tokens to the contrast, inf makes it silent.
        repetition_penalty: of the scores, of all tokens so far; 1 is off.
        temperature: of the scores; 0 takes the best.
        top_k: keep the k best scores; 0 is off.
        top_p: keep the best scores that hold this mass; 1 is off.
    """
    chosen = rule(
        _Contrast(alpha, amateur_temperature),
        repetition_penalty=repetition_penalty,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
    )
    return ContrastiveDecoding(chosen, amateur)
