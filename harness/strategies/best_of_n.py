"""Best of n: sample several continuations and keep the likeliest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor

from harness.knobs import PositiveCount, checked
from harness.strategies.base import VALUES
from harness.strategies.candidates import Candidates, sampler_of

LengthPenalty = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)]


@dataclass(frozen=True)
class BestOfN(Candidates):
    """Choose by the model's own log-probability / generated tokens ** length_penalty; among equals the first."""

    length_penalty: float = 1.0

    def choose(self, texts: Sequence[Sequence[int]], values: Sequence[Tensor]) -> tuple[int, float]:
        """The likeliest."""
        logprob = VALUES.index("logprob")
        scores = [float(v[:, logprob].double().sum()) / len(v) ** self.length_penalty for v in values]
        best = max(range(len(scores)), key=scores.__getitem__)
        return best, scores[best]


@checked
def best_of_n(
    *, candidates: dict[str, Any], num_candidates: PositiveCount = 8, length_penalty: LengthPenalty = 1.0
) -> BestOfN:
    """Sample `num_candidates` continuations and keep the one that the model finds likeliest.

    Source: Adiwardana et al. (2020), Towards a human-like open-domain chatbot, sample-and-rank.
    Oracle: every candidate sampled by hand from its draws on a table model, and compared.

    Args:
        candidates: the strategy that samples them, as a node of its own.
        num_candidates: how many; each is a row.
        length_penalty: exponent of the length that a log-probability is divided by: 0 ranks by the sum, 1 by the mean.

    Raises:
        InputError: the candidates' strategy is a search, or deterministic.
    """
    return BestOfN(sampler_of(candidates), num_candidates, length_penalty=length_penalty)
