"""SimCTG's numbers: rep-n, diversity, length and coherence.

The code of Su et al. (2022), "A contrastive framework for neural text generation", `simctg/evaluation.py`, and of the
papers on contrastive search after it, which measure with the same functions (repositories yxuansu/SimCTG and
yxuansu/Contrastive_Search_versus_Contrastive_Decoding).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.metrics.ngrams import Counts
from harness.metrics.ngrams import counts as count

SIZES = (2, 3, 4)
"""The n of the rep-n that diversity is made of."""


def counts(texts: Sequence[str], sizes: Sequence[int] = SIZES) -> list[Counts]:
    """The n-grams of each text as that code counts them, for each of `sizes`, smallest first.

    Ours counts every n-gram of a text. That code stops one word early, so the last n-gram of every text is lost:
    "a b a b" has two bigrams and not three, and a text of n words has none. It counts words between white space.
    """
    return count([text.split()[:-1] for text in texts], sizes)


def rep(found: Counts) -> float:
    """rep-n in percent, rounded to two places.

    Ours is a share, a mean over texts, and unrounded. That code pools the counts of all texts before it divides
    (micro), and rounds before rep-n goes into the diversity. NaN where no text has an n-gram, where that code
    divides by zero.
    """
    different, total = int(found.different.sum()), int(found.total.sum())
    return round((1 - different / total) * 100, 2) if total else float("nan")


def diversity(found: Sequence[Counts]) -> float:
    """The product over n = 2, 3, 4 of 1 - rep-n / 100, between 0 and 1; their tables print 100 times this."""
    return float(np.prod([1 - rep(each) / 100 for each in found]))


def length(texts: Sequence[str]) -> float:
    """Mean length in words; ours counts the model's tokens unless it is asked for words."""
    return sum(len(text.split()) for text in texts) / len(texts) if texts else float("nan")


def coherences(texts: Sequence[str], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """[texts] the mean log-probabilities that coherence is the mean of; NaN for a text that is left out.

    Ours leaves out texts without tokens, that code texts without words, whatever tokens they have. It reads with OPT,
    given a bos token and the prompt, prompt and continuation tokenised apart.

    Args:
        texts: the continuations.
        means: [texts] the mean log-probability of a continuation's tokens under the scorer.
    """
    return np.where([bool(text.split()) for text in texts], means, np.nan)
