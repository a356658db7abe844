"""How much of a text repeats itself: rep-n."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from harness.knobs import PositiveCount
from harness.metrics.base import Corpus, Metric, Score, Tools, combined, mean_of
from harness.metrics.compat import fix, signed, simctg, welleck
from harness.metrics.ngrams import Counts, Unit, counts, told, units
from harness.signature import sign

RANGE = (0.0, 1.0)


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
        compat: the numbers of published code instead (see `harness.metrics.compat`): `simctg`, of words, in percent,
            for n from 2 to 4; `welleck`. Their intervals are those of the numbers before they are rounded.
    """

    sizes: Annotated[tuple[PositiveCount, ...], Field(min_length=1)] = (1, 2, 3, 4)
    average: Literal["macro", "micro"] = "macro"
    unit: Unit = "tokens"
    compat: Literal["simctg", "welleck"] | None = None

    def __post_init__(self) -> None:
        """Refuse knobs that the published code decides."""
        super().__post_init__()
        if self.compat == "simctg":
            fix(self, "metrics.repetition", self.compat, average="micro", unit="words")
        else:
            fix(self, "metrics.repetition", self.compat, free=("unit",))

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """One score per size, smallest first."""
        if self.compat == "simctg":
            return [self._simctg(found, told(corpus, "words")) for found in simctg.counts(corpus.texts)]
        sequences = units(corpus, self.unit, "metrics.repetition")
        return [self._score(found, told(corpus, self.unit)) for found in counts(sequences, self.sizes)]

    def _score(self, found: Counts, given: Mapping[str, object]) -> Score:
        name = f"rep-{found.size}"
        signature = sign(name, **given, avg=self.average, **signed(self.compat))
        macro = mean_of(name, found.repeated, "reference", signature, bounds=RANGE)
        if self.compat == "welleck":
            return replace(macro, value=welleck.rep(found))
        if self.average == "macro":
            return macro
        return combined(name, found.summands, "ratio", "reference", signature, found.repeated, macro.notes, RANGE)

    def _simctg(self, found: Counts, given: Mapping[str, object]) -> Score:
        name = f"rep-{found.size}"
        signature = sign(name, **given, avg="micro", scale="percent", **signed(self.compat))
        stats = found.summands * np.array([100.0, 1.0])
        score = combined(name, stats, "ratio", "reference", signature, 100 * found.repeated)
        return replace(score, value=simctg.rep(found), bounds=(0.0, 100.0))
