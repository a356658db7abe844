"""Intervals and tests by leaving prompts out: for numbers that only a whole corpus has. Knows no metric.

A resample with replacement repeats texts, and a repeated text brings no new n-gram: the bootstrap of distinct-n is far
below distinct-n. Leaving out a group of prompts at a time repeats nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2s

import numpy as np
from numpy.typing import NDArray

GROUPS = 20
"""How many groups of prompts are left out in turn."""


def groups(prompt_ids: Sequence[str]) -> NDArray[np.int64]:
    """[texts] the group of each text, from 0: the texts of a prompt share one, and groups are as equal as can be.

    Fewer prompts than `GROUPS` are groups of their own. The same prompts fall into the same groups for every strategy,
    in any order: the order is that of a hash of their ids.
    """
    names = sorted(set(prompt_ids), key=lambda name: (blake2s(name.encode(), digest_size=8).digest(), name))
    place = {name: index % GROUPS for index, name in enumerate(names)}
    return np.array([place[name] for name in prompt_ids], dtype=np.int64)
