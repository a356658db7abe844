"""How many texts end in a repetition loop, and where the loop begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from harness.knobs import PositiveCount
from harness.metrics.base import Corpus, Metric, Score, Tools, mean_of
from harness.signature import sign


@dataclass(frozen=True, slots=True)
class Loop:
    """The repeated end of a text."""

    onset: int  # index of the token at which the phrase begins for the first time
    period: int  # tokens in the phrase
    repeats: int  # times that the whole phrase fits between the onset and the end of the text


def find_loop(tokens: Sequence[int], min_period: int = 2, min_repeats: int = 3, window: int = 200) -> Loop | None:
    """The loop that a text ends in, or None.

    A text ends in a loop where a phrase of at least `min_period` tokens stands at least `min_repeats` times in a row at
    its end, within its last `window` tokens. Where the end cuts a phrase short, the phrase is read from another of its
    tokens: "a b c a b c a b c a" repeats "b c a" three times. A single token that repeats is a phrase of `min_period`
    equal tokens: six in a row are a loop. Among several loops the one that covers most of the text is taken, then the
    one of the shortest phrase. The onset may lie before the window.
    """
    best: Loop | None = None
    for period in range(min_period, min(len(tokens), window) // min_repeats + 1):
        onset = len(tokens) - period
        while onset > 0 and tokens[onset - 1] == tokens[onset - 1 + period]:
            onset -= 1
        repeats = (len(tokens) - onset) // period
        if repeats >= min_repeats and (best is None or onset < best.onset):
            best = Loop(onset, period, repeats)
    return best


@dataclass(frozen=True)
class Loops(Metric):
    """The share of texts that end in a repetition loop.

    The rule is the one that Holtzman et al. (2020), "The curious case of neural text degeneration", state with their
    Table 1: a phrase of at least two tokens repeated at least three times at the end of a text of at most 200 tokens.
    (The code they published decides otherwise: three tokens twice are a loop, two tokens 25 times are none.)
    A text too short for a loop counts as having none. Longer texts have had more time to fall into one.

    Attributes:
        min_period: fewest tokens in the phrase.
        min_repeats: fewest times that it stands in a row.
        window: how many tokens at the end of a text are looked at.
    """

    min_period: PositiveCount = 2
    min_repeats: Annotated[int, Field(ge=2)] = 3
    window: PositiveCount = 200

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """The share; items are 1 for a text that loops and 0 for one that does not."""
        rule = (self.min_period, self.min_repeats, self.window)
        items = np.array(
            [find_loop(tokens, *rule) is not None for tokens in corpus.ids("metrics.loops")], dtype=np.float64
        )
        signature = sign(
            "loops", period=self.min_period, repeats=self.min_repeats, window=self.window, unit="model-tokens"
        )
        return [mean_of("loops", items, "low", signature)]
