"""The interval that a figure draws around a score."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.results import ScoreRecord


def interval(scores: Sequence[ScoreRecord]) -> tuple[float, float]:
    """That of a score; of several seeds, from the mean of their lower ends to that of their upper ones.

    It is over prompts, as each of them is. What seeds have in common does not average out, what they have not does: so
    around the mean over seeds it is rather too wide than too narrow. NaN and NaN where none has one.
    """
    ends = [(s.low, s.high) for s in scores if s.low is not None and s.high is not None]
    finite = [each for each in ends if all(map(math.isfinite, each))]
    return (
        (float(np.mean([low for low, _ in finite])), float(np.mean([high for _, high in finite]))) if finite else _NONE
    )


_NONE = (math.nan, math.nan)
