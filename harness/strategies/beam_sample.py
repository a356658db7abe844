"""Beam search that samples its candidates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from harness import transforms
from harness.draws import expand
from harness.knobs import Count, Positive, Share, Temperature, checked
from harness.strategies.base import View
from harness.strategies.beam import Beam, EarlyStopping, LengthPenalty, choices
from harness.strategies.edits import Biases, Phrases, edits
from harness.strategies.order import ordered
from harness.transforms import Transform, chain
from harness.transforms.phrases import Phrase

Beams = Annotated[int, Field(ge=2)]


def gumbel(uniform: Tensor) -> Tensor:
    """Standard Gumbel noise by its inverse cdf, -log(-log(u)), from draws in [0, 1). A draw of 0 counts as 2**-54."""
    return -(-uniform.clamp(min=2.0**-54).log()).log()


@dataclass(frozen=True)
class BeamSample(Beam):
    """Beam search whose candidates are drawn without replacement, as transformers' `do_sample` with several beams.

    A step draws as many candidates as beam search would take, from softmax(score / temperature) over all extensions of
    all running hypotheses. They come in the order drawn: of the first num_beams those that end in eos are finished; the
    num_beams most probable of the others run on.

    Drawn by the Gumbel-top-k trick: the k largest of score / temperature + Gumbel noise are, in falling order, k draws
    without replacement (Yellott, 1977; Vieira, 2014; Kool et al., 2019). Kool's stochastic beam search conditions the
    noise of a hypothesis on that of its parent, to draw whole texts without replacement; this does not.

    Scores are kept at temperature 1 and the noise is scaled instead: the same order of everything, and exact in both
    limits. At 0 this is beam search; at inf the candidates are drawn evenly. transformers keeps score / temperature, so
    its `sequences_scores` are ours / temperature.
    """

    temperature: float
    truncation: Transform
    stochastic: ClassVar[bool] = True

    def logprobs(self, view: View) -> Tensor:
        """As in beam search, -inf where truncated; the likeliest tokens always stay, so many that one is not eos."""
        logprobs = super().logprobs(view)
        forbidden = self.truncation(logprobs, view) == -torch.inf
        likeliest = logprobs.topk(choices(view)).indices
        return logprobs.masked_fill(forbidden.scatter(1, likeliest, False), -torch.inf)

    def candidates(self, total: Tensor, count: int, view: View) -> tuple[Tensor, Tensor]:
        """Draw them, each row's noise from its own draw."""
        noise = gumbel(expand(view.uniform, view.logits.shape[-1])).view_as(total)
        if self.temperature == math.inf:
            perturbed = noise.masked_fill(total == -torch.inf, -torch.inf)
        else:
            perturbed = total + self.temperature * noise
        drawn = perturbed.topk(count).indices
        return total.gather(1, drawn), drawn


@checked
def beam_sample(
    *,
    num_beams: Beams = 4,
    length_penalty: LengthPenalty = 1.0,
    early_stopping: EarlyStopping = False,
    logit_bias: Biases = None,
    repetition_penalty: Positive = 1.0,
    no_repeat_ngram_size: Count = 0,
    banned: Phrases = None,
    min_new_tokens: Count = 0,
    forced: Phrase | None = None,
    forced_eos: bool = False,
    temperature: Temperature = 1.0,
    top_k: Count = 0,
    top_p: Share = 1.0,
) -> BeamSample:
    """Search among sampled continuations.

    Source: transformers, `do_sample` with several beams; drawn by Gumbel-top-k (Vieira, 2014).
    Oracle: `generate` of transformers, by its distribution of texts; temperature 0 is beam search.

    Args:
        num_beams: how many hypotheses run at once, at least 2: with one, transformers samples, as `sample` does.
        length_penalty: see `beam`.
        early_stopping: see `beam`.
        logit_bias: see `beam`.
        repetition_penalty: see `beam`.
        no_repeat_ngram_size: see `beam`.
        banned: see `beam`.
        min_new_tokens: see `beam`.
        forced: see `beam`.
        forced_eos: see `beam`.
        temperature: 0 is beam search, inf draws evenly from what is possible; both exact.
        top_k: keep the k likeliest next tokens of every hypothesis; 0 is off (Fan et al., 2018).
        top_p: keep the smallest likeliest set whose probability reaches p; 1 is off (Holtzman et al., 2020).
    """
    stages = edits(
        logit_bias=logit_bias,
        repetition_penalty=repetition_penalty,
        no_repeat_ngram_size=no_repeat_ngram_size,
        banned=banned,
        min_new_tokens=min_new_tokens,
        forced=forced,
        forced_eos=forced_eos,
    )
    nucleus = chain(transforms.temperature(temperature), transforms.top_p(top_p)) if top_p < 1 else None
    return BeamSample(
        num_beams,
        length_penalty,
        early_stopping,
        ordered(stages, "transformers"),
        temperature,
        chain(transforms.top_k(top_k), nucleus),
    )
