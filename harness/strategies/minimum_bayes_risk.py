"""Minimum Bayes risk: of several samples the one that the others agree with most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any, Literal

from torch import Tensor

from harness.errors import InputError
from harness.knobs import PositiveCount, checked
from harness.strategies.candidates import Candidates, sampler_of

Utility = Literal["chrf", "bleu"]


@dataclass(frozen=True)
class MinimumBayesRisk(Candidates):
    """Choose argmax_h 1/(n-1) Σ_{r ≠ h} utility(h, r), over all candidates r but itself; among equals the first.

    The sum leaves the candidate itself out: its utility with itself is the largest there is, for each alike.
    """

    utility: Utility = "chrf"

    def choose(self, texts: Sequence[Sequence[int]], values: Sequence[Tensor]) -> tuple[int, float]:
        """The candidate of the largest mean utility."""
        assert self.decode is not None
        words, utility = [self.decode(t) for t in texts], _utility(self.utility)
        score = cache(utility)  # equal candidates are frequent
        scores = [
            sum(score(h, r) for j, r in enumerate(words) if j != i) / max(1, len(words) - 1)
            for i, h in enumerate(words)
        ]
        best = max(range(len(scores)), key=scores.__getitem__)
        return best, scores[best]


def _utility(name: Utility) -> Callable[[str, str], float]:
    from sacrebleu.metrics import BLEU, CHRF

    metric = CHRF() if name == "chrf" else BLEU(effective_order=True)
    return lambda hypothesis, reference: float(metric.sentence_score(hypothesis, [reference]).score)


@checked
def minimum_bayes_risk(
    *, candidates: dict[str, Any], num_candidates: PositiveCount = 16, utility: Utility = "chrf"
) -> MinimumBayesRisk:
    """Sample `num_candidates` continuations and keep the one that is most like the others.

    Source: Eikema & Aziz (2020), Is MAP decoding all you need?, with the samples as candidates and as evidence.
    Oracle: a double loop over sacrebleu's sentence scores of candidates sampled by hand.

    Args:
        candidates: the strategy that samples them, as a node of its own.
        num_candidates: how many; each is a row, and each pair is compared.
        utility: of a candidate against another: chrf (Popović, 2015) or bleu (sentence BLEU of effective order).

    Raises:
        InputError: the candidates' strategy is a search, or deterministic; sacrebleu is not installed.
    """
    if find_spec("sacrebleu") is None:
        raise InputError(f"strategy.utility={utility!r}: needs sacrebleu; pip install 'decoding-harness[bleu]'")
    return MinimumBayesRisk(sampler_of(candidates), num_candidates, utility=utility)
