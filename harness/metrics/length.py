"""How long the texts are, and how many ended by themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from harness.metrics.base import ENDLESS, Corpus, Metric, Score, Tools, mean_of
from harness.metrics.ngrams import Unit, told, units
from harness.signature import sign


@dataclass(frozen=True)
class Length(Metric):
    """Mean length over texts, special tokens left out, and the share of texts that ended in end-of-text.

    Nearly every other number depends on the length, so it stands beside them. References, which are cut to the length
    that was asked for, end in nothing, and of texts from elsewhere nobody knows: they get no eos share.

    Attributes:
        unit: what is counted: the model's tokens, or words between white space, which any text has.
    """

    gap: ClassVar[Literal["plain"]] = "plain"

    unit: Unit = "tokens"

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """`length` and, where it is known of every text how it ended, `eos-share`."""
        lengths = np.array([len(each) for each in units(corpus, self.unit, "metrics.length")], dtype=np.float64)
        signature = sign("length", **told(corpus, self.unit), eos=False)
        scores = [mean_of("length", lengths, "reference", signature, bounds=(0.0, math.inf))]
        if not any(end in ENDLESS for end in corpus.ends):
            ended = np.array([end == "eos" for end in corpus.ends], dtype=np.float64)
            signature = sign("eos-share", length=corpus.limit)
            scores.append(mean_of("eos-share", ended, "reference", signature, combine="share"))
        return scores
