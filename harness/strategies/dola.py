"""DoLa: what the model says in the end and did not say yet after its lower layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.special import xlogy

from harness.companion import Companion
from harness.errors import InputError
from harness.knobs import Count, Fraction, Positive, Share, Temperature, checked
from harness.nodes import sums
from harness.strategies.accompanied import Accompanied, contrast, rule
from harness.strategies.base import View

if TYPE_CHECKING:
    from harness.models.base import LanguageModel

Layers = Literal["low", "high"] | tuple[Annotated[int, Field(ge=0)], ...]


@dataclass(frozen=True)
class _Contrast:
    relative_top: float

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        """The final layer against each row's premature one."""
        assert view.other is not None
        row = torch.arange(len(logits), device=logits.device)
        return contrast(logits, view.other[row, premature(logits, view.other)], self.relative_top)


def premature(final: Tensor, early: Tensor) -> Tensor:
    """[rows] which candidate differs most from the final layer, by Jensen-Shannon divergence; of equal ones the lowest.

    Args:
        final: [rows, vocab] logits.
        early: [rows, layers, vocab] logits.
    """
    last = final.softmax(-1)
    divergences = []
    for layer in early.unbind(1):  # one at a time: each takes several times the memory of its logits
        p = layer.softmax(-1)
        middle = (p + last) / 2
        divergences.append(sums(xlogy(p, p) + xlogy(last, last) - 2 * xlogy(middle, middle)))  # twice the divergence
    return torch.stack(divergences, 1).argmax(1)


@dataclass(frozen=True)
class DoLa(Accompanied):
    """The model's own lower layers read beside it."""

    layers: Layers

    def companion(self, model: LanguageModel) -> Companion:
        """The candidate layers.

        Raises:
            InputError: the model has no such layers, or does not show them.
        """
        early = getattr(model, "early_layers", None)
        if early is None:
            raise InputError(
                f"strategy.layers={self.layers!r}: the layers of {model.name} cannot be read "
                f"(model.backend={getattr(model, 'backend', 'torch')!r}; dola needs torch)"
            )
        return Companion(early(self.layers))


@checked
def dola(
    *,
    layers: Layers = "low",
    relative_top: Fraction = 0.1,
    repetition_penalty: Positive = 1.0,
    temperature: Temperature = 0.0,
    top_k: Count = 0,
    top_p: Share = 1.0,
) -> DoLa:
    """Contrast the last layer with the candidate layer whose distribution differs most from it, at each step.

    Tokens with q_N(v) >= relative_top max q_N score log q_N(v) - log q_M(v), others -inf; M is the candidate with the
    largest Jensen-Shannon divergence from q_N. Early states go through the final norm before the head, as in the
    logit lens; the authors' code and transformers' leave the norm out. Those also take the Kullback-Leibler divergences
    in the other direction, and one M for a whole batch, here each row has its own. The authors' runs, and scripts after
    them, have a repetition penalty of 1.2; here none is hidden, `repetition_penalty` is 1 unless it is set.

    Source: Chuang et al. (2024), DoLa, section 2: the contrast of two layers, with dynamic selection of the lower one.
    Oracle: a loop from the paper over all hidden states of transformers; relative_top = 1 is greedy.

    Args:
        layers: the candidates: low or high (every second layer of that half, as in transformers), or their numbers:
            0 is the embedding, j the state after j layers. With the last layer alone, plausible tokens all score 0.
        relative_top: of the plausibility constraint, relative to the likeliest token: 0 is none, 1 greedy.
        repetition_penalty: of the scores, of all tokens so far; 1 is off, 1.2 the paper's.
        temperature: of the scores; 0 takes the best.
        top_k: keep the k best scores; 0 is off.
        top_p: keep the best scores that hold this mass; 1 is off.
    """
    chosen = rule(
        _Contrast(relative_top),
        repetition_penalty=repetition_penalty,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
    )
    return DoLa(chosen, layers)
