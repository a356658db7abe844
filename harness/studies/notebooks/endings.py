"""How a text ends: in a loop, of what, and from where; or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from harness.metrics.loops import find_loop
from harness.models.base import LanguageModel


def ending(model: LanguageModel, row: pd.Series) -> dict[str, Any]:
    """A row of generations as facts: `text`, `tokens`, `logprob` (mean, in nats), and `loop`.

    `loop` is None, or has `onset` (the tokens before the phrase), `period` (tokens in it), `repeats` and `phrase`, by
    the rule of `harness.metrics.loops`.
    """
    tokens = [int(t) for t in row["tokens"]]
    if row["finish"] == "eos":
        tokens = tokens[:-1]
    found = find_loop(tokens)
    return {
        "text": str(row["text"]),
        "tokens": len(tokens),
        "logprob": float(np.mean(row["logprob"])),
        "loop": found
        and {
            "onset": found.onset,
            "period": found.period,
            "repeats": found.repeats,
            "phrase": model.decode(tokens[found.onset : found.onset + found.period]),
        },
    }
