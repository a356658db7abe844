"""One number for how little texts repeat themselves: the product of 1 - rep-n."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from harness.knobs import PositiveCount
from harness.metrics.base import Corpus, Metric, Score, Tools, combined, mean_of
from harness.metrics.compat import fix, signed, simctg
from harness.metrics.ngrams import Unit, counts, told, units
from harness.signature import sign


@dataclass(frozen=True)
class Diversity(Metric):
    """diversity = (1 - rep-2) (1 - rep-3) (1 - rep-4), between 0 and 1: 1 where no n-gram stands twice in a text.

    Su et al. (2022), "A contrastive framework for neural text generation"; rep-n as in `harness.metrics.repetition`.
    Their code pools the n-grams of all texts (`micro`) and counts words; it also loses the last n-gram of every text
    and rounds each rep-n to two decimals of a percentage before the product, which this does not. Each text is looked
    at by itself: texts that are all alike can have diversity 1 (distinct-n and self-BLEU tell). Human text repeats
    itself a little, so nearer to the references is better, not higher. Longer texts repeat more: compare equal
    lengths only.

    Attributes:
        sizes: the n of the product.
        average: `micro` pools the counts of all texts before dividing, so that a text of few tokens weighs little;
            `macro` is the mean over texts of each text's own product, for which a text needs an n-gram of every size.
        unit: what n-grams are made of.
        compat: `simctg`: the number of their code, of words and with the n-gram lost (`harness.metrics.compat.simctg`).
            Its interval is that of the number before it is rounded.
    """

    sizes: Annotated[tuple[PositiveCount, ...], Field(min_length=1)] = (2, 3, 4)
    average: Literal["micro", "macro"] = "micro"
    unit: Unit = "tokens"
    compat: Literal["simctg"] | None = None

    def __post_init__(self) -> None:
        """Refuse knobs that the published code decides."""
        super().__post_init__()
        fix(self, "metrics.diversity", self.compat, unit="words")

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """One score; its items are the texts' own products."""
        if self.compat is None:
            unit, found = self.unit, counts(units(corpus, self.unit, "metrics.diversity"), self.sizes)
        else:
            unit, found = "words", simctg.counts(corpus.texts)
        items = np.prod([1.0 - each.repeated for each in found], axis=0)
        sizes = tuple(each.size for each in found)
        signature = sign("diversity", sizes=sizes, **told(corpus, unit), avg=self.average, **signed(self.compat))
        if self.average == "macro":
            return [mean_of("diversity", items, "reference", signature, bounds=(0.0, 1.0))]
        stats = np.concatenate([each.summands for each in found], axis=1)
        short = int(np.isnan(items).sum())
        notes = (f"{short} of {len(items)} texts have no {sizes[-1]}-gram",) if short else ()
        score = combined("diversity", stats, "complements", "reference", signature, items, notes, (0.0, 1.0))
        return [score if self.compat is None else replace(score, value=simctg.diversity(found))]
