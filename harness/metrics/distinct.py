"""How varied the texts are together: distinct-n."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.jackknife import groups
from harness.knobs import PositiveCount
from harness.metrics.base import Corpus, Metric, Score, Tools
from harness.metrics.compat import cshaib, degen, fix, mauve_experiments, signed
from harness.metrics.ngrams import UNIT_NAMES, Ngrams, Unit, ngrams, told, units
from harness.signature import sign

RAGGED = 0.95
"""Texts whose mean length is below this share of the longest are too unequal to pass without a note."""


@dataclass(frozen=True)
class Distinct(Metric):
    """distinct-n = |different n-grams| / |n-grams| over all continuations together, above 0 and at most 1.

    Li et al. (2016), "A diversity-promoting objective function for neural conversation models"; they count words, the
    default here is the model's tokens. No n-gram crosses from one text into the next.

    The number falls as texts are added and as they grow: it compares corpora of the same number of texts and the same
    length only, and the signature holds both (`length`: the most tokens a text may have). What its interval is
    about is therefore the expected value for a corpus of this many prompts, not a property of one text. It is from
    leaving out prompts (`harness.jackknife`): a bootstrap repeats texts, and a repeated text holds no new n-gram.

    Attributes:
        sizes: the n of each distinct-n.
        unit: what n-grams are made of.
        compat: the numbers of published code instead (see `harness.metrics.compat`): `degen`, the share of hapaxes, and
            without an interval; `mauve_experiments`, without the prompts; `cshaib`, a sum over n from 1 to 4, and how
            many other texts have a text's 4-grams, both of words and without an interval.
    """

    sizes: Annotated[tuple[PositiveCount, ...], Field(min_length=1)] = (1, 2, 3, 4)
    unit: Unit = "tokens"
    compat: Literal["degen", "mauve_experiments", "cshaib"] | None = None

    def __post_init__(self) -> None:
        """Refuse knobs that the published code decides."""
        super().__post_init__()
        fix(
            self,
            "metrics.distinct",
            self.compat,
            free=() if self.compat == "cshaib" else ("sizes", "unit"),
            unit="words",
        )

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """One score per size, smallest first, without items."""
        if self.compat == "cshaib":
            return self._cshaib(corpus)
        sequences = units(corpus, self.unit, "metrics.distinct")
        group = groups(corpus.prompt_ids)
        lengths = [len(sequence) for sequence in sequences]
        longest, mean = max(lengths, default=0), sum(lengths) / max(len(lengths), 1)
        notes = (
            (f"texts have {mean:.1f} {self.unit} on average, the longest {longest}: shorter texts are more distinct",)
            if mean < RAGGED * longest
            else ()
        )
        given = {**told(corpus, self.unit), "texts": len(lengths), **signed(self.compat)}
        return [
            Score(
                f"distinct-{grams.size}",
                self._value(grams),
                "reference",
                sign(f"distinct-{grams.size}", **given),
                left_out=None if self.compat == "degen" else without_each(grams, group),
                bounds=(0.0, 1.0),
                notes=notes,
            )
            for grams in ngrams(sequences, self.sizes)
        ]

    def _value(self, grams: Ngrams) -> float:
        if self.compat == "mauve_experiments":
            return mauve_experiments.distinct(grams)
        if not len(grams.ids):
            return float("nan")
        return (grams.distinct if self.compat is None else degen.hapaxes(grams)) / len(grams.ids)

    def _cshaib(self, corpus: Corpus) -> list[Score]:
        given = {"texts": len(corpus.texts), **signed(self.compat)}
        return [
            Score(name, value, "reference", sign(name, unit=unit, **given))
            for name, value, unit in (
                ("ngram-diversity", cshaib.ngram_diversity(corpus.texts), "words-between-blanks"),
                ("self-repetition-4", cshaib.self_repetition(corpus.texts), UNIT_NAMES["words"]),
            )
        ]


def without_each(grams: Ngrams, group: NDArray[np.int64]) -> NDArray[np.float64]:
    """[groups] distinct-n of the texts without each group in turn; NaN where no n-gram is left.

    An n-gram is gone with a group where all its occurrences lie in it: nothing is counted again.

    Args:
        grams: of all texts.
        group: [texts] the group of each text, from 0 without gaps.
    """
    many = int(group.max(initial=-1)) + 1
    its_group = grams.spread(group)
    owner = np.empty(grams.distinct, dtype=np.int64)
    owner[grams.ids] = its_group  # one of the groups that have it
    owner[grams.ids[owner[grams.ids] != its_group]] = many  # another has it too
    gone = np.bincount(owner, minlength=many + 1)[:many]
    left = len(grams.ids) - np.bincount(its_group, minlength=many)
    with np.errstate(invalid="ignore"):
        return np.asarray((grams.distinct - gone) / left)
