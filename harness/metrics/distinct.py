"""How varied the texts are together: distinct-n."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from harness.knobs import PositiveCount
from harness.metrics.base import Corpus, Metric, Score, Tools
from harness.metrics.ngrams import UNIT_NAMES, Ngrams, Unit, ngrams, units
from harness.signature import sign

RAGGED = 0.95
"""Texts whose mean length is below this share of the longest are too unequal to pass without a note."""


@dataclass(frozen=True)
class Distinct(Metric):
    """distinct-n = |different n-grams| / |n-grams| over all continuations together, above 0 and at most 1.

    Li et al. (2016), "A diversity-promoting objective function for neural conversation models"; they count words, the
    default here is the model's tokens. No n-gram crosses from one text into the next.

    The number falls as texts are added and as they grow: it compares corpora of the same number of texts and the same
    length only, and the signature holds both (`length`: tokens or words of the longest text). For the same reason it
    has no interval: a resample repeats texts, and repeated texts hold no new n-grams.

    Attributes:
        sizes: the n of each distinct-n.
        unit: what n-grams are made of.
    """

    sizes: Annotated[tuple[PositiveCount, ...], Field(min_length=1)] = (1, 2, 3, 4)
    unit: Unit = "tokens"

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """One score per size, without statistics or items."""
        sequences = units(corpus, self.unit)
        lengths = [len(sequence) for sequence in sequences]
        longest, mean = max(lengths, default=0), sum(lengths) / max(len(lengths), 1)
        notes = (
            (f"texts have {mean:.1f} {self.unit} on average, the longest {longest}: shorter texts are more distinct",)
            if mean < RAGGED * longest
            else ()
        )
        return [self._score(grams, len(lengths), longest, notes) for grams in ngrams(sequences, self.sizes)]

    def _score(self, grams: Ngrams, texts: int, longest: int, notes: tuple[str, ...]) -> Score:
        name = f"distinct-{grams.size}"
        value = grams.distinct / len(grams.ids) if len(grams.ids) else float("nan")
        signature = sign(name, unit=UNIT_NAMES[self.unit], texts=texts, length=longest)
        return Score(name, value, "reference", signature, notes=notes)
