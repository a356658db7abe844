"""How steeply the frequencies of the units fall: the Zipf coefficient."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.jackknife import groups
from harness.metrics.base import Corpus, Metric, Score, Tools
from harness.metrics.compat import degen, fix, mauve_experiments, signed
from harness.metrics.ngrams import Unit, coded, told, units
from harness.signature import sign


@dataclass(frozen=True)
class Zipf(Metric):
    """The s of frequency ~ rank^-s: minus the slope of log frequency on log rank, by least squares.

    Over the `top` most frequent units of all continuations together, every rank weighing the same, as in Holtzman et
    al. (2020), "The curious case of neural text degeneration", and their code (degen), over the model's tokens. Units
    of equal frequency take successive ranks, in whichever order. Fewer than two different units have no value. As most
    ranks are in the tail, it is mostly the tail that is fitted, and there frequencies are small: the number moves with
    the size of the corpus, and the signature holds the number of texts and the most tokens that one may have. Doubling
    the corpus by its own copy moves every log frequency by log 2 and leaves the slope as it is.

    mauve-experiments gives another number under this name: the slope itself, thus negative, fitted after ranks are
    thinned to steps of 1/15 in log rank, so that the head weighs more, and with the prompt in front of every text.

    The interval comes from leaving out a group of prompts at a time.

    Attributes:
        top: how many of the most frequent units are ranked.
        unit: what is counted.
        compat: the number of published code instead (see `harness.metrics.compat`): `degen` has this very number,
            `mauve_experiments` the one above, but without the prompts.
    """

    top: Annotated[int, Field(ge=2)] = 5000
    unit: Unit = "tokens"
    compat: Literal["degen", "mauve_experiments"] | None = None

    def __post_init__(self) -> None:
        """Refuse knobs that the published code decides."""
        super().__post_init__()
        fix(self, "metrics.zipf", self.compat, free=("unit",))

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """One score, with the values without each group."""
        texts = coded(units(corpus, self.unit, "metrics.zipf"))
        group = groups(corpus.prompt_ids)
        whole = np.bincount(texts.items)
        its_group = np.repeat(group, texts.lengths)
        left_out = [
            self._coefficient(whole - np.bincount(texts.items[its_group == g], minlength=len(whole)))
            for g in range(int(group.max(initial=-1)) + 1)
        ]
        given = {"top": self.top, **told(corpus, self.unit), "texts": len(group)}
        signature = sign("zipf", **given, **signed(self.compat))
        few = f"only {len(whole)} different {self.unit}: all of them are ranked, not the {self.top} most frequent"
        return [
            Score(
                name="zipf",
                value=self._coefficient(whole),
                better="reference",
                signature=signature,
                left_out=np.array(left_out, dtype=np.float64),
                bounds=(0.0, math.inf),
                notes=(few,) if len(whole) < self.top else (),
            )
        ]

    def _coefficient(self, counts: NDArray[np.int64]) -> float:
        if self.compat is not None:
            return degen.zipf(counts)[0] if self.compat == "degen" else mauve_experiments.zipf(counts)
        frequencies = np.sort(counts[counts > 0])[::-1][: self.top]
        if len(frequencies) < 2:
            return float("nan")
        x, y = np.log(np.arange(1, len(frequencies) + 1)), np.log(frequencies)
        x -= x.mean()
        return float(x @ (y.mean() - y) / (x @ x))
