"""Question 5: what a small, a middling and a large temperature do to one prompt, and how near each is to its limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.loaders import load_strategy
from harness.models.base import LanguageModel
from harness.studies.base import decode
from harness.studies.temperature.exact import exact

Floats = NDArray[np.float64]

GRID = np.logspace(-3, 3, 61)
"""The temperatures of the figure's curves."""

READ = 8
"""Draws whose distributions are worked out; each has one for every token."""


@dataclass(frozen=True)
class Limit:
    """One temperature."""

    temperature: float
    text: str  # of the first draw
    draws: int
    equal: int  # draws that are greedy's text to the last token
    expected: float  # how many of them there are on average, from the exact probability of that text
    parted: float  # token at which the median draw leaves greedy's text, counted from 1; NaN: none does
    entropy: float  # mean over the tokens of the first draws of the distribution that they were drawn from, in nats
    peak: float  # the same of the probability of the likeliest token
    rank: float  # mean over all tokens: how many tokens were likelier
    tokens: int  # of all draws
    different: int  # of these
    uniform: float  # different ones that as many uniform draws from the vocabulary have on average


@dataclass(frozen=True, eq=False)
class Limits:
    """One model."""

    greedy: str  # its text
    tokens: int  # of that
    ceiling: float  # ln V, the entropy of the uniform distribution, in nats
    middle: float  # (V - 1) / 2, the mean rank of a token drawn uniformly
    each: list[Limit]
    path: Floats  # [GRID] the probability of greedy's whole text
    entropy: Floats  # [GRID] mean entropy over the tokens of greedy's text, as a share of ln V


def limits(model: LanguageModel, prompt: str, temperatures: Sequence[float], draws: int, max_new_tokens: int) -> Limits:
    """Decode one prompt greedily once and at each temperature with as many seeds, and work the distributions out."""
    strategies = {f"{t:g}": load_strategy("temperature", temperature=t) for t in temperatures}
    chosen = {"greedy": load_strategy("greedy"), **strategies}
    frame = decode(model, prompt, chosen, seeds=range(draws), max_new_tokens=max_new_tokens)
    context = model.encode(prompt)
    greedy = frame[frame["strategy"] == "greedy"].iloc[0]
    path = _rows(model, context, greedy["tokens"])
    curves = [exact(row, GRID) for row in path]
    at = {t: float(np.prod([exact(row, [t]).argmax[0] for row in path])) for t in temperatures}
    found = [
        _limit(model, context, t, frame[frame["strategy"] == f"{t:g}"], list(greedy["tokens"]), at[t])
        for t in temperatures
    ]
    ceiling = math.log(model.vocab)
    return Limits(
        greedy=str(greedy["text"]),
        tokens=len(greedy["tokens"]),
        ceiling=ceiling,
        middle=(model.vocab - 1) / 2,
        each=found,
        path=np.prod([curve.argmax for curve in curves], axis=0),
        entropy=np.mean([curve.entropy for curve in curves], axis=0) / ceiling,
    )


def expected_different(vocab: int, tokens: int) -> float:
    """How many different tokens so many independent uniform draws from a vocabulary have on average."""
    return vocab * (1 - (1 - 1 / vocab) ** tokens)


def parted(one: Sequence[int], other: Sequence[int]) -> int | None:
    """The token at which two texts part, counted from 1; None: they are equal."""
    if list(one) == list(other):
        return None
    pairs = enumerate(zip(one, other, strict=False), 1)
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)) + 1)


def _limit(
    model: LanguageModel, context: Sequence[int], temperature: float, frame: pd.DataFrame, greedy: list[int], p: float
) -> Limit:
    parts = [at for tokens in frame["tokens"] if (at := parted(tokens, greedy)) is not None]
    read = [exact(row, [temperature]) for tokens in frame["tokens"][:READ] for row in _rows(model, context, tokens)]
    drawn = np.concatenate(list(frame["tokens"]))
    return Limit(
        temperature=temperature,
        text=str(frame["text"].iloc[0]),
        draws=len(frame),
        equal=len(frame) - len(parts),
        expected=p * len(frame),
        parted=float(np.median(parts)) if parts else math.nan,
        entropy=float(np.mean([each.entropy[0] for each in read])),
        peak=float(np.mean([each.argmax[0] for each in read])),
        rank=float(np.concatenate(list(frame["rank"])).mean()),
        tokens=len(drawn),
        different=len(set(drawn.tolist())),
        uniform=expected_different(model.vocab, len(drawn)),
    )


def _rows(model: LanguageModel, context: Sequence[int], tokens: Sequence[int]) -> Floats:
    """[tokens, vocab] the logits that each of the tokens was chosen from."""
    text = [*context, *tokens][:-1]
    logits, _ = model.forward([text], [range(len(context) - 1, len(text))])
    return np.asarray(logits.double().cpu().numpy())
