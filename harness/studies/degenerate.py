"""Table 1 of Holtzman et al. (2020), "The curious case of neural text degeneration", and what stands beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COLUMNS = {"perplexity": "perplexity", "self-bleu-4": "self-BLEU-4", "zipf": "Zipf", "loops": "repetition %"}
"""Our score -> the paper's column. `loops` is a share here."""

PUBLISHED: dict[str, tuple[float, float, float, float]] = {
    "human": (12.38, 0.31, 0.93, 0.28),
    "greedy": (1.50, 0.50, 1.00, 73.66),
    "beam 16": (1.48, 0.44, 0.94, 28.94),
    "stochastic beam 16": (19.20, 0.28, 0.91, 0.32),
    "pure sampling": (22.73, 0.28, 0.93, 0.22),
    "temperature 0.9": (10.25, 0.35, 0.96, 0.66),
    "top-k 40": (6.88, 0.39, 0.96, 0.78),
    "top-k 640": (13.82, 0.32, 0.96, 0.28),
    "top-k 40, temperature 0.7": (3.48, 0.44, 1.00, 8.86),
    "top-p 0.95": (13.13, 0.32, 0.95, 0.36),
}
"""Row -> `COLUMNS` of GPT-2 Large, 5,000 texts of WebText prompts, up to 200 tokens. Perplexities of rows with a
temperature are under the tempered distribution there, ours under the model's own."""

TEMPERED = ("temperature 0.9", "top-k 40, temperature 0.7")

_KNOBS = {"temperature": "temperature", "top_k": "top-k", "top_p": "top-p"}


def title(strategy: Mapping[str, Any]) -> str:
    """What the table calls a strategy: the name of the paper's row where it is one of those.

    Args:
        strategy: the node of a job's config; knobs of sampling other than the paper's are given by their names.
    """
    kind = str(strategy["factory"]).rpartition(".")[2]
    if kind == "greedy":
        return "greedy"
    if kind in ("beam", "stochastic_beam"):
        return f"{kind.replace('_', ' ')} {strategy.get('num_beams')}"
    if kind != "sample":
        return kind
    set_ = {knob: strategy.get(knob) for knob, off in (("top_k", 0), ("top_p", 1.0), ("temperature", 1.0))}
    off = {"top_k": 0, "top_p": 1.0, "temperature": 1.0}
    given = [f"{_KNOBS[knob]} {value:g}" for knob, value in set_.items() if value is not None and value != off[knob]]
    return ", ".join(given) or "pure sampling"


@dataclass(frozen=True)
class Chances:
    """How likely the tokens of some texts were to the model."""

    mean: float  # of the probability of a token
    spread: float  # standard deviation of it within a text, mean over texts
    rare: float  # the share of tokens below 1%
    sure: float  # the share of tokens above 90%


def chances(logprobs: Sequence[NDArray[Any]]) -> Chances | None:
    """Of texts given as the log-probabilities of their tokens; None where none has a token.

    Texts of fewer than two tokens have no spread.
    """
    texts = [np.exp(np.asarray(each, dtype=np.float64)) for each in logprobs if len(each)]
    if not texts:
        return None
    every = np.concatenate(texts)
    spreads = [float(each.std(ddof=1)) for each in texts if len(each) > 1]
    return Chances(
        float(every.mean()),
        float(np.mean(spreads)) if spreads else math.nan,
        float(np.mean(every < 0.01)),
        float(np.mean(every > 0.9)),
    )


def nearest(values: Mapping[str, float], human: float) -> list[str]:
    """The rows whose value is nearest to the human one: several where they are equally near."""
    apart = {row: abs(value - human) for row, value in values.items() if math.isfinite(value)}
    least = min(apart.values(), default=math.nan)
    return [row for row, each in apart.items() if math.isclose(each, least, abs_tol=1e-12)]


def order(ours: Mapping[str, float], theirs: Mapping[str, float]) -> tuple[float, int]:
    """Spearman's rank correlation over the rows that both have, and how many these are; NaN of fewer than four."""
    from scipy.stats import spearmanr

    rows = [row for row in ours if row in theirs and math.isfinite(ours[row])]
    if len(rows) < 4 or len({ours[row] for row in rows}) < 2:
        return math.nan, len(rows)
    return float(spearmanr([ours[r] for r in rows], [theirs[r] for r in rows]).statistic), len(rows)


def frame_chances(frame: pd.DataFrame) -> Chances | None:
    """`chances` of a frame of generations or references."""
    return chances(list(frame["logprob"]))
