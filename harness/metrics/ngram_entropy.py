"""How evenly the n-grams of all texts are used: the entropy of their distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.jackknife import groups
from harness.knobs import PositiveCount
from harness.metrics.base import Corpus, Metric, Score, Tools
from harness.metrics.ngrams import Unit, ngrams, told, units
from harness.signature import sign


@dataclass(frozen=True)
class NgramEntropy(Metric):
    """ngram-entropy-n = -sum over n-grams g of c(g)/N log2(c(g)/N), in bits, N the number of n-grams of all texts.

    Ent-n of Zhang et al. (2018), "Generating informative and diverse conversational responses via adversarial
    information maximization", who report n = 4. Continuations only; no n-gram crosses from one text into the next; a
    corpus without n-grams has no value. Unlike distinct-n it sees how often an n-gram is used, not only whether.

    The plug-in estimate is too low, the more so the smaller the corpus, and never above log2 N: for long n-grams, which
    are nearly all different, it says little but N. It compares corpora of the same number of texts and the same length
    only; the signature holds both (`length`: the most tokens a text may have). Doubling the corpus by its own copy
    leaves every share, and so the plug-in estimate, as it is, and halves the correction.

    The interval comes from leaving out a group of prompts at a time.

    Attributes:
        sizes: the n of each score.
        correction: `miller-madow` adds (K - 1) / (2 N ln 2) bits, K the number of different n-grams (Miller, 1955,
            "Note on the bias of information estimates"): the first term of the bias, enough only where K is far
            below N.
        unit: what n-grams are made of.
    """

    sizes: Annotated[tuple[PositiveCount, ...], Field(min_length=1)] = (1, 2, 3, 4)
    correction: Literal["none", "miller-madow"] = "none"
    unit: Unit = "tokens"

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """One score per size, with the values without each group."""
        sequences = units(corpus, self.unit, "metrics.ngram_entropy")
        lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
        group = groups(corpus.prompt_ids)
        signed = {
            "correction": self.correction,
            **told(corpus, self.unit),
            "texts": len(lengths),
        }
        scores = []
        for grams in ngrams(sequences, self.sizes):
            value, left_out = self._values(grams.ids, grams.spread(group), int(group.max(initial=-1)) + 1)
            name = f"ngram-entropy-{grams.size}"
            scores.append(
                Score(name, value, "reference", sign(name, **signed), left_out=left_out, bounds=(0.0, math.inf))
            )
        return scores

    def _values(
        self, ids: NDArray[np.int64], its_group: NDArray[np.int64], width: int
    ) -> tuple[float, NDArray[np.float64]]:
        """(the entropy in bits, [groups] without each group), from [n-grams] ids and the groups they stand in.

        A group takes away only what it has: its n-grams' summands are replaced, so all groups cost one pass.
        """
        counts = np.bincount(ids)
        keys, here = np.unique(ids * width + its_group, return_counts=True)
        gram, g = np.divmod(keys, max(width, 1))
        before, after = counts[gram], counts[gram] - here
        whole = np.array([len(ids), _weighted(counts).sum(), len(counts)])
        gone = [np.bincount(g, part, width) for part in (here, _weighted(before) - _weighted(after), after == 0)]
        return float(self._entropy(whole)), self._entropy(whole - np.stack(gone, axis=-1))

    def _entropy(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """[...] bits, from [..., 3] the number of n-grams, the sum of c log2 c, the number of different n-grams."""
        n = np.where(sums[..., 0] > 0, sums[..., 0], np.nan)
        bits = np.maximum(np.log2(n) - sums[..., 1] / n, 0.0)  # 0 may come out below 0 by rounding
        return bits + (sums[..., 2] - 1) / (2 * n * np.log(2)) if self.correction == "miller-madow" else bits


def _weighted(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Every c times log2 c, 0 for 0."""
    return np.asarray(counts * np.log2(np.maximum(counts, 1)), dtype=np.float64)
