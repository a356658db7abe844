"""How many texts end in a repetition loop, and where the loop begins."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from harness.errors import InputError
from harness.knobs import PositiveCount
from harness.metrics.base import Corpus, Metric, Score, Tools, combined, mean_of
from harness.metrics.compat import degen, fix, mauve_experiments, signed
from harness.metrics.ngrams import Unit, told, units
from harness.signature import sign


@dataclass(frozen=True, slots=True)
class Loop:
    """The repeated end of a text."""

    onset: int  # index of the token at which the phrase begins for the first time
    period: int  # tokens in the phrase
    repeats: int  # times that the whole phrase fits between the onset and the end of the text


def find_loop(tokens: Sequence[Hashable], min_period: int = 2, min_repeats: int = 3, window: int = 200) -> Loop | None:
    """The loop that a text ends in, or None.

    A text ends in a loop where a phrase of at least `min_period` tokens stands at least `min_repeats` times in a row at
    its end, within its last `window` tokens. Where the end cuts a phrase short, the phrase is read from another of its
    tokens: "a b c a b c a b c a" repeats "b c a" three times. A single token that repeats is a phrase of `min_period`
    equal tokens: six in a row are a loop. Among several loops the one that covers most of the text is taken, then the
    one of the shortest phrase. The onset may lie before the window.
    """
    best: Loop | None = None
    for period in range(min_period, min(len(tokens), window) // min_repeats + 1):
        if best is not None and not _covers_more(tokens, best.onset, period):
            continue
        onset = len(tokens) - period
        while onset > 0 and tokens[onset - 1] == tokens[onset - 1 + period]:
            onset -= 1
        repeats = (len(tokens) - onset) // period
        if repeats >= min_repeats and (best is None or onset < best.onset):
            best = Loop(onset, period, repeats)
    return best


def _covers_more(tokens: Sequence[Hashable], onset: int, period: int) -> bool:
    """Whether this period may begin before `onset`: it cannot if it does not hold at the token before."""
    before = onset - 1
    return before >= 0 and (before + period >= len(tokens) or tokens[before] == tokens[before + period])


@dataclass(frozen=True)
class Loops(Metric):
    """The share of texts that end in a repetition loop, and where those loops begin.

    The rule is the one that Holtzman et al. (2020), "The curious case of neural text degeneration", state with their
    Table 1: a phrase of at least two tokens repeated at least three times at the end of a text of at most 200 tokens.
    (The code they published decides otherwise: three tokens twice are a loop, two tokens 25 times are none.)
    A text too short for a loop counts as having none. Longer texts have had more time to fall into one.

    `loop-onset` is the median number of tokens that stand before the phrase begins for the first time, over the texts
    that loop. It says how long it takes where it happens, and nothing of how often: a strategy is not better for one
    late loop.

    Attributes:
        min_period: fewest tokens in the phrase.
        min_repeats: fewest times that it stands in a row.
        window: how many tokens at the end of a text are looked at.
        unit: what a phrase is made of: model tokens, or words between white space.
        compat: the share by the rule of published code instead (see `harness.metrics.compat.degen`): `degen`, phrases
            of up to 90 tokens; `mauve_experiments`, up to 500.
    """

    min_period: PositiveCount = 2
    min_repeats: Annotated[int, Field(ge=2)] = 3
    window: PositiveCount = 200
    unit: Unit = "tokens"
    compat: Literal["degen", "mauve_experiments"] | None = None

    def __post_init__(self) -> None:
        """Refuse knobs that the published code decides, and a window in which no text could loop."""
        super().__post_init__()
        fix(self, "metrics.loops", self.compat, free=("unit",))
        if self.min_period * self.min_repeats > self.window:
            raise InputError(
                f"metrics.loops.window={self.window}: {self.min_repeats} times {self.min_period} do not fit into it"
            )

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """`loops`, with items of 1 for a text that loops and 0 for one that does not, and `loop-onset`."""
        if self.compat is not None:
            decide = degen.loops if self.compat == "degen" else mauve_experiments.loops
            found = [decide(tokens) for tokens in units(corpus, self.unit, "metrics.loops")]
            signature = sign("loops", **told(corpus, self.unit), **signed(self.compat))
            return [mean_of("loops", np.array(found, dtype=np.float64), "low", signature, combine="share")]
        rule = (self.min_period, self.min_repeats, self.window)
        loops = [find_loop(sequence, *rule) for sequence in units(corpus, self.unit, "metrics.loops")]
        onsets = np.array([np.nan if loop is None else loop.onset for loop in loops], dtype=np.float64)
        items = (~np.isnan(onsets)).astype(np.float64)
        given = {
            "period": self.min_period,
            "repeats": self.min_repeats,
            "window": self.window,
            **told(corpus, self.unit),
        }
        note = f"{int(items.sum())} of {len(items)} texts loop"
        onset = sign("loop-onset", **given, avg="median")
        return [
            mean_of("loops", items, "low", sign("loops", **given), combine="share"),
            combined("loop-onset", onsets[:, None], "median", "reference", onset, onsets, (note,)),
        ]
