"""Logits at many places of the reference texts, and what the laws of the temperature make of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.models.base import LanguageModel
from harness.studies.temperature.exact import Exact, exact
from harness.studies.temperature.laws import Fit, Shape

Floats = NDArray[np.float64]

TEXTS = 16  # of one forward pass


@dataclass(frozen=True, eq=False)
class Contexts:
    """Places at which a model is asked for the next token."""

    prompt_ids: Sequence[str]
    places: Sequence[int]  # how many tokens of the reference it has read: 0 at the end of the prompt
    logits: Floats  # [contexts, vocab]


def contexts(model: LanguageModel, prompts: pd.DataFrame, references: pd.DataFrame, positions: int) -> Contexts:
    """The end of every prompt, and further places at equal distances in its reference.

    Args:
        model: reads them.
        prompts: one row per prompt, with `prompt_id` and `prompt`.
        references: with `prompt_id` and `tokens`; a prompt without one has its end alone.
        positions: contexts of a prompt; fewer where the reference has fewer tokens.
    """
    tokens = dict(zip(references["prompt_id"], references["tokens"], strict=True))
    texts, wanted, whose = [], [], []
    for prompt_id, prompt in zip(prompts["prompt_id"], prompts["prompt"], strict=True):
        start, known = model.encode(prompt), [int(token) for token in tokens.get(prompt_id, ())]
        last = len(start) - 1
        step = max(1, len(known) // positions)
        places = range(last, last + max(1, len(known)), step)[:positions]
        texts.append([*start, *known][: places[-1] + 1])
        wanted.append(places)
        whose += [(str(prompt_id), place - last) for place in places]
    parts = [
        model.forward(texts[i : i + TEXTS], wanted[i : i + TEXTS])[0].double().cpu().numpy()
        for i in range(0, len(texts), TEXTS)
    ]
    return Contexts([each for each, _ in whose], [place for _, place in whose], np.concatenate(parts))


def next_logits(model: LanguageModel, text: str) -> Floats:
    """[vocab] the logits after a text."""
    tokens = model.encode(text)
    logits: Floats = model.forward([tokens], [range(len(tokens) - 1, len(tokens))])[0][0].double().cpu().numpy()
    return logits


@dataclass(frozen=True, eq=False)
class Curves:
    """The exact numbers of many contexts, each [contexts, temperatures]."""

    tau: Floats
    entropy: Floats
    divergence: Floats
    argmax: Floats
    log_rest: Floats
    from_greedy: Floats

    @classmethod
    def of(cls, rows: Sequence[Floats], tau: Floats) -> Curves:
        """Of rows of logits, which may be of different lengths."""
        found: list[Exact] = [exact(row, tau) for row in rows]
        names = ("entropy", "divergence", "argmax", "log_rest", "from_greedy")
        return cls(tau, *(np.array([getattr(each, name) for each in found]) for name in names))


@dataclass(frozen=True)
class Summary:
    """How well one law holds in many contexts; what is measured is over what is predicted."""

    contexts: int
    starts: tuple[float, float, float]  # where the proved range begins: lowest, median, highest temperature
    reaches: tuple[float, float, float]  # up to which temperature, or from which on, the ratio is within 1%
    exponent: float  # median of those measured
    predicted: float  # and of those predicted
    slope_error: float  # the largest distance between the two of a context, as a share of the predicted
    constants: tuple[float, float]  # the smallest and the largest of the contexts
    farthest: float  # the ratio farthest from 1 of any context at any temperature of its proved range

    @classmethod
    def of(cls, fits: Sequence[Fit], within: NDArray[np.bool_]) -> Summary:
        """Of the fits of all contexts. `within` says which of the scales lie in the proved range."""
        starts = np.array([fit.start for fit in fits])
        reaches = starts * np.array([fit.reach for fit in fits])
        constants = [fit.constant for fit in fits]
        ratios = np.concatenate([fit.ratios[within] for fit in fits])
        return cls(
            len(fits),
            _three(starts),
            _three(reaches),
            float(np.median([fit.exponent for fit in fits])),
            float(np.median([fit.predicted for fit in fits])),
            max(fit.slope_error for fit in fits),
            (min(constants), max(constants)),
            float(ratios[np.argmax(np.abs(ratios - 1))]),
        )


def next_terms(shapes: Sequence[Shape], hot: Sequence[Fit]) -> dict[str, Any]:
    """What is left of the law of τ → ∞ at the highest scale of each fit, against the next term, 2κ₃ / (3κ₂τ).

    In how many contexts the two agree in sign, in how many the term is positive, and the median, the 5% and the 95%
    quantile of the one over the other.
    """
    left = np.array([fit.ratios[-1] - 1 for fit in hot])
    term = np.array([float(s.hot_next(np.array([fit.highest]))[0]) for s, fit in zip(shapes, hot, strict=True)])
    with np.errstate(divide="ignore", invalid="ignore"):  # a third cumulant may be 0
        over = left / term
    return {
        "agree": int((np.sign(left) == np.sign(term)).sum()),
        "positive": int((term > 0).sum()),
        "ratio": np.nanquantile(over, [0.5, 0.05, 0.95]).tolist(),
    }


def _three(values: Floats) -> tuple[float, float, float]:
    low, middle, high = np.quantile(values, [0, 0.5, 1]).tolist()
    return low, middle, high
