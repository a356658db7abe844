"""Question 4: what is wrong with greedy text, in numbers: loops, and how they feed themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness import stats
from harness.metrics.ngrams import counts
from harness.models.base import LanguageModel
from harness.report.curves import repeated
from harness.stats import Difference
from harness.studies.base import decode
from harness.studies.homework.echo import echo
from harness.studies.homework.stretches import Stretch, longest, passes

Floats = NDArray[np.float64]

PASSES = 3
"""Passes through a phrase that are looked at: the fewest that make a loop."""


@dataclass(frozen=True, eq=False)
class Looping:
    """One greedy text."""

    text: str
    tokens: int
    repeated: float  # rep-4, the share of 4-grams that the text has had before; NaN below 4 tokens
    probabilities: Floats  # [tokens] the model's own, of each token
    stretch: Stretch | None  # the longest phrase that stands several times in a row, wherever it is
    phrase: str  # its text
    left: bool  # whether the text goes on otherwise after it
    passes: Floats  # [repeats] mean probability of a token in each pass through the phrase
    known: float  # share of 4-grams in the first pass that the text has had before; NaN without a stretch
    again: float  # the probability of a whole last pass, had it been sampled; NaN without a stretch

    @classmethod
    def of(cls, model: LanguageModel, row: pd.Series) -> Looping:
        """That of a row of generations."""
        tokens, logprobs = list(map(int, row["tokens"])), np.asarray(row["logprob"], dtype=np.float64)
        found = longest(tokens)
        by_pass = passes(logprobs, found) if found else np.empty((0, 1))
        return cls(
            text=str(row["text"]),
            tokens=len(tokens),
            repeated=float(counts([tokens], [4])[0].repeated[0]),
            probabilities=np.exp(logprobs),
            stretch=found,
            phrase=model.decode(tokens[found.onset : found.onset + found.period]) if found else "",
            left=found is not None and found.end < len(tokens),
            passes=np.exp(by_pass).mean(axis=1),
            known=float(repeated(tokens)[found.onset : found.onset + found.period].mean()) if found else math.nan,
            again=float(np.exp(by_pass[-1].sum())) if found else math.nan,
        )


@dataclass(frozen=True)
class Rising:
    """Numbers in a row, text by text: their means, and how much larger the last is than the first."""

    texts: int
    means: list[float]
    rise: Difference | None  # paired over texts; None of fewer than two

    @property
    def shown(self) -> bool:
        """Whether the last is larger than the first by more than chance makes it."""
        return self.rise is not None and self.rise.low > 0

    @classmethod
    def of(cls, table: Floats, texts: Sequence[str]) -> Rising:
        """Of a [texts, columns] table; the texts are the unit of resampling."""
        if len(table) < 2:
            return cls(len(table), table.mean(axis=0).tolist() if len(table) else [], None)
        one = np.ones(len(table))
        first, last = (np.stack([table[:, column], one], axis=1) for column in (0, -1))
        return cls(len(table), table.mean(axis=0).tolist(), stats.paired(last, first, texts, "ratio"))


@dataclass(frozen=True)
class Share:
    """A share of texts, with its 95% interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, held: Sequence[bool], prompts: Sequence[str]) -> Share:
        """The share of the texts of which something holds."""
        items = np.array([held, np.ones(len(held))], dtype=np.float64).T
        interval = stats.bootstrap(items, prompts, "share")
        return cls(float(np.mean(held)), interval.low, interval.high)


@dataclass(frozen=True)
class Loops:
    """What one model does."""

    example: Looping
    sampled: float  # share of texts sampled after the same prompt that have a phrase three times in a row
    sampled_repeated: float  # their mean rep-4
    draws: int
    everywhere: Share | None  # greedy texts of the sweep with such a phrase; None: the sweep has no greedy job
    passes: Rising | None  # over these: mean probability of a token in the first passes through the phrase
    copies: Rising  # mean log-probability of a token in copies of sentences that people wrote

    @property
    def rising(self) -> bool:
        """Whether a token is shown to get likelier pass by pass."""
        return self.passes is not None and self.passes.shown

    @property
    def copied(self) -> list[float]:
        """Geometric mean probability of a token in each of the copies."""
        return np.exp(self.copies.means).tolist()  # type: ignore[no-any-return]


def loops(
    model: LanguageModel,
    prompt: str,
    sentences: Sequence[str],
    greedy: pd.DataFrame | None,
    draws: int,
    max_new_tokens: int,
) -> Loops:
    """Decode a prompt greedily and with as many draws by sampling, and look at the sweep's own greedy texts.

    Args:
        model: any.
        prompt: the one that is told to loop.
        sentences: of people, to be copied.
        greedy: generations of a greedy job.
        draws: seeds of the sampled texts.
        max_new_tokens: of each text.
    """
    frame = decode(model, prompt, ["greedy", "sample"], seeds=range(draws), max_new_tokens=max_new_tokens)
    texts = [list(map(int, tokens)) for tokens in frame.loc[frame["strategy"] == "sample", "tokens"]]
    shares = counts(texts, [4])[0].repeated
    table = echo(model, sentences)
    everywhere, rising = (None, None) if greedy is None else _everywhere(greedy)
    return Loops(
        example=Looping.of(model, frame[frame["strategy"] == "greedy"].iloc[0]),
        sampled=float(np.mean([longest(text) is not None for text in texts])),
        sampled_repeated=float(np.nanmean(shares)) if not np.isnan(shares).all() else math.nan,
        draws=draws,
        everywhere=everywhere,
        passes=rising,
        copies=Rising.of(table, [str(i) for i in range(len(table))]),
    )


def _everywhere(frame: pd.DataFrame) -> tuple[Share, Rising]:
    """Over the texts of many prompts: how many repeat a phrase, and the probability of a token pass by pass."""
    found = [longest(list(map(int, tokens)), min_repeats=PASSES) for tokens in frame["tokens"]]
    names = list(map(str, frame["prompt_id"]))
    rows = [
        passes(np.exp(np.asarray(logprobs, dtype=np.float64)), stretch).mean(axis=1)[:PASSES]
        for stretch, logprobs in zip(found, frame["logprob"], strict=True)
        if stretch
    ]
    table = np.array(rows, dtype=np.float64).reshape(len(rows), PASSES)
    texts = [name for name, stretch in zip(names, found, strict=True) if stretch]
    return Share.of([stretch is not None for stretch in found], names), Rising.of(table, texts)
