"""What a page says about repetition: where a text repeats itself, and how far texts of one prompt lie apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from harness.report.curves import repeated

GRAM = 4
"""Tokens of a repeated phrase that is underlined."""

_WORD = re.compile(r"\w+")


def covered(tokens: Sequence[int] | NDArray[np.int32], size: int = GRAM) -> NDArray[np.bool_]:
    """[tokens] whether a token belongs to an n-gram that has stood before in the same text."""
    ends = np.asarray(repeated(tokens, size) > 0)
    found = ends.copy()
    for back in range(1, size):
        found[:-back] |= ends[back:]
    return found


def difference(texts: Sequence[str]) -> float:
    """How little texts have in common: 1 minus the share of word pairs that two of them share, over all twos of them.

    It is 0 where all texts are equal, 1 where none shares two neighbouring words with another, and of one text 0.
    """
    pairs = [set(pairwise(_WORD.findall(text.lower()))) for text in texts]
    common = sum(n * (n - 1) / 2 for n in Counter(pair for each in pairs for pair in each).values())
    mean = sum(map(len, pairs)) / max(1, len(pairs))
    if mean == 0:
        return 0.0 if len(set(texts)) < 2 else 1.0
    twos = len(texts) * (len(texts) - 1) / 2
    return 1 - common / (twos * mean) if twos else 0.0
