"""Is a strategy random? The same prompts again and again, under every seed, alone and in all kinds of company."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from harness.api import decode
from harness.engine import MaxRows
from harness.models.base import LanguageModel
from harness.prompts import Prompt
from harness.strategies.base import Strategy

ROWS: tuple[MaxRows, ...] = ("auto", 3, 16, 7)
"""How many rows are decoded at once, run by run."""


@dataclass(frozen=True)
class Rerun:
    """One time that everything was decoded."""

    company: bool  # False: each prompt by itself
    rows: MaxRows
    frame: pd.DataFrame  # the generations of the strategy in question


def reruns(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    strategy: Strategy[Any],
    *,
    others: Sequence[Prompt],
    company: Mapping[str, Strategy[Any]],
    times: int,
    max_new_tokens: int,
) -> Iterator[Rerun]:
    """Decode the prompts: `times` times each by itself, then as often among others, in batches of several sizes.

    Every run has a seed of its own. In company all prompts are decoded with the company's strategies too, in one batch
    that is refilled, in a different order each time.
    """
    for seed in range(times):
        alone = [decode(model, p, {"": strategy}, seeds=seed, max_new_tokens=max_new_tokens) for p in prompts]
        yield Rerun(False, "auto", pd.concat(alone, ignore_index=True))
    crowd = [*others, *prompts]
    for seed in range(times):
        rows, order = ROWS[seed % len(ROWS)], np.random.default_rng(seed).permutation(len(crowd))
        frame = decode(
            model,
            [crowd[i] for i in order],
            {"": strategy, **company},
            seeds=seed,
            max_new_tokens=max_new_tokens,
            max_rows=rows,
        )
        yield Rerun(True, rows, frame[frame["strategy"] == ""].reset_index(drop=True))


def different(frames: Sequence[pd.DataFrame]) -> dict[str, int]:
    """Prompt id -> how many different continuations of it the frames have."""
    found: dict[str, set[tuple[int, ...]]] = {}
    for frame in frames:
        for name, tokens in zip(frame["prompt_id"], frame["tokens"], strict=True):
            found.setdefault(str(name), set()).add(tuple(map(int, tokens)))
    return {name: len(each) for name, each in found.items()}
