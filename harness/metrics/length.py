"""How long the texts are, and how many ended by themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.metrics.base import Corpus, Metric, Score, Tools, mean_of
from harness.signature import sign


@dataclass(frozen=True)
class Length(Metric):
    """Mean length in the model's tokens, special tokens left out, and the share of texts that ended in end-of-text.

    Nearly every other number depends on the length, so it stands beside them. The references, which are cut to the
    length that was asked for, end in nothing: they get no eos share.
    """

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """`length` and, for generations, `eos-share`."""
        lengths = np.array([len(tokens) for tokens in corpus.ids("metrics.length")], dtype=np.float64)
        scores = [mean_of("length", lengths, "reference", sign("length", unit="model-tokens", eos=False))]
        if corpus is not tools.references:
            ended = np.array([end == "eos" for end in corpus.ends], dtype=np.float64)
            scores.append(mean_of("eos-share", ended, "reference", sign("eos-share")))
        return scores
