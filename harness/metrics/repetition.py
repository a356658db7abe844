"""How much of a text repeats itself: rep-n."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.knobs import PositiveCount
from harness.metrics.base import Corpus, Metric, Score, Tools, combined, mean_of
from harness.metrics.ngrams import UNIT_NAMES, Unit, per_text, units
from harness.signature import sign


@dataclass(frozen=True)
class Repetition(Metric):
    """rep-n = 1 - |different n-grams| / |n-grams| of one continuation, between 0 and 1.

    This is seq-rep-n of Welleck et al. (2020), "Neural text generation with unlikelihood training": over the model's
    tokens, averaged over texts. A text with fewer than n of them has no n-grams and no value; it is left out and
    counted. Human text repeats itself a little, so nearer to the references is better, not lower. Longer texts repeat
    more: compare equal lengths only.

    Attributes:
        sizes: the n of each rep-n.
        average: `macro` is the mean over texts; `micro` pools the counts of all texts before dividing, as SimCTG
            (Su et al., 2022) does, whose code however loses the last n-gram of every text and counts words.
        unit: what n-grams are made of.
    """

    sizes: Annotated[tuple[PositiveCount, ...], Field(min_length=1)] = (1, 2, 3, 4)
    average: Literal["macro", "micro"] = "macro"
    unit: Unit = "tokens"

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """One score per size."""
        sequences = units(corpus, self.unit)
        return [self._score(size, *per_text(sequences, size)) for size in self.sizes]

    def _score(self, size: int, different: NDArray[np.int64], total: NDArray[np.int64]) -> Score:
        name = f"rep-{size}"
        with np.errstate(invalid="ignore"):
            items = 1.0 - different / total  # 0 / 0: NaN, no value
        signature = sign(name, unit=UNIT_NAMES[self.unit], avg=self.average)
        macro = mean_of(name, items, "reference", signature)
        if self.average == "macro":
            return macro
        stats = np.stack([total - different, total], axis=1).astype(np.float64)
        return combined(name, stats, "ratio", "reference", signature, items, macro.notes)
