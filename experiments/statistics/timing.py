"""How long intervals and paired tests take."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from experiments.statistics.worlds import mean
from harness import resampling
from harness.stats import Combine, bootstrap, paired

REPETITIONS = 3


def of_all(prompts: int, resamples: int) -> list[dict[str, Any]]:
    """Seconds of each, least of three; `first` draws the prompts too, which later numbers of the same prompts share."""
    rng = np.random.default_rng(0)
    ids = [f"p{i}" for i in range(prompts)]
    rows = []
    for combine in get_args(Combine):
        a, b = (_stats(combine, rng.random(prompts)) for _ in range(2))
        first = []
        for _ in range(REPETITIONS):
            resampling._all.cache_clear()
            first.append(_seconds(partial(bootstrap, a, ids, combine, resamples=resamples)))
        later = [_seconds(partial(bootstrap, a, ids, combine, resamples=resamples)) for _ in range(REPETITIONS)]
        test = [_seconds(partial(paired, a, b, ids, combine, resamples=resamples)) for _ in range(REPETITIONS)]
        rows.append({"number": combine, "first": min(first), "later": min(later), "paired": min(test)})
    return [{"prompts": prompts, "resamples": resamples} | row for row in rows]


def _stats(combine: Combine, items: NDArray[np.float64]) -> NDArray[np.float64]:
    if combine == "median":
        return items[:, None]
    if combine == "share":
        return mean((items < 0.1).astype(np.float64))
    return np.concatenate([mean(items / 3)] * (3 if combine == "complements" else 1), axis=1)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return round(time.perf_counter() - start, 3)
