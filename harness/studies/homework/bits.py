"""Models of several sizes on the same prompts: what may be compared between them, and how large the differences are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness import stats
from harness.evidence import Evidence
from harness.signature import FREE, differing
from harness.stats import Difference, Interval

Floats = NDArray[np.float64]

READERS = {"of", "scorer"}
"""The fields of a signature that name a model. Where all read a text as the same tokens, they may differ."""


@dataclass(frozen=True, eq=False)
class Bits:
    """How many bits per byte a model needs for texts: summands text by text."""

    stats: Floats  # [texts, 2] bits and bytes
    prompts: Sequence[str]  # [texts]

    @classmethod
    def of(cls, frame: pd.DataFrame, stride: int = 1) -> Bits:
        """Of reference texts as a model reads them; texts without tokens are left out.

        Args:
            frame: prompt_id, text, and logprob in nats per token.
            stride: every so manyth token is looked at, and stands for all of its text.
        """
        frame = frame[frame["logprob"].map(len) > 0]
        each = [(len(nats), float(np.mean(np.asarray(nats[::stride], dtype=np.float64)))) for nats in frame["logprob"]]
        bits = [-tokens * mean / math.log(2) for tokens, mean in each]
        sizes = [len(str(text).encode()) for text in frame["text"]]
        return cls(np.array([bits, sizes], dtype=np.float64).T.reshape(-1, 2), list(map(str, frame["prompt_id"])))

    @property
    def value(self) -> float:
        """All bits over all bytes; NaN without texts."""
        return stats.number(self.stats, "ratio")

    def interval(self) -> Interval:
        """Over prompts, 95%."""
        return stats.bootstrap(self.stats, self.prompts, "ratio")

    def minus(self, other: Bits) -> Difference:
        """The paired difference over the same prompts."""
        return stats.paired(self.stats, other.stats, self.prompts, "ratio", clusters_b=other.prompts)


def minus(one: Evidence, other: Evidence) -> Difference | None:
    """The paired difference of a score between models that read texts as the same tokens; None where there is none."""
    if not differing(one.signature, other.signature).keys() <= FREE | READERS:
        return None
    return replace(one, signature=other.signature).minus(other)
