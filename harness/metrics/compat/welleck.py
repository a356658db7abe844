"""seq-rep-n of Welleck et al. (2020), "Neural text generation with unlikelihood training", as their code reports it.

Repository facebookresearch/unlikelihood_training, `custom/metrics.py`.
"""

from __future__ import annotations

import numpy as np

from harness.metrics.ngrams import Counts


def rep(found: Counts) -> float:
    """The mean over texts of 1 - different n-grams / n-grams, rounded to four places.

    Ours is the same mean (macro, model tokens), unrounded, and leaves out texts that have no n-gram. That code divides
    by zero on such a text and reports nothing: NaN.
    """
    return round(float(np.mean(found.repeated)), 4) if len(found.total) else float("nan")
