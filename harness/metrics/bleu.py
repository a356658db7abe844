"""BLEU of single sentences from their counts, as nltk and as sacrebleu have it, for many sentences at once.

BLEU-n = brevity penalty * (p_1 ... p_n)^(1/n), with p_k the share of a text's k-grams that are matched (Papineni et
al., 2002, "BLEU: a method for automatic evaluation of machine translation"). A short text matches no long n-gram, and
BLEU would be 0: the two differ in what they put there.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Style = Literal["nltk-method1", "sacrebleu-exp", "sacrebleu-floor"]
"""Whose smoothing.

- `nltk-method1`: nltk's `sentence_bleu` with `SmoothingFunction().method1`: 0.1 for a count of no matches. An order
  for which the text is too short counts as 0.1 of 1.
- `sacrebleu-exp`: sacrebleu's `sentence_score` with `effective_order=True` and its default smoothing: the first order
  without matches counts 1/2 match, the next 1/4, and so on. Orders for which the text is too short are left out.
- `sacrebleu-floor`: the same, but 0.1 for a count of no matches.
"""

_FLOOR = 0.1  # nltk's epsilon, and sacrebleu's default for floor


def bleu(
    matched: NDArray[np.int64], lengths: NDArray[np.int64], closest: NDArray[np.int64], style: Style
) -> NDArray[np.float64]:
    """[orders, texts] BLEU-1, BLEU-2, … of each text, from 0 to 1 (sacrebleu itself gives 100 times that).

    Args:
        matched: [orders, texts] how many k-grams are matched; row 0 holds those of k = 1.
        lengths: [texts] of the hypotheses.
        closest: [texts] the length of the reference that is closest in length, the shorter of two.
        style: whose value.
    """
    orders = np.arange(1, len(matched) + 1)[:, None]
    total = lengths - orders + 1
    zero = matched == 0
    nothing = 0.5 ** np.cumsum(zero, axis=0) if style == "sacrebleu-exp" else np.full(matched.shape, _FLOOR)
    logs = np.log(np.where(zero, nothing, matched) / np.maximum(total, 1))
    counted = orders
    if style != "nltk-method1":
        logs = np.where(total > 0, logs, 0.0)
        counted = np.clip(lengths, 1, orders)
    penalty = np.exp(np.minimum(0.0, 1 - closest / np.maximum(lengths, 1)))
    return np.where(zero[0], 0.0, penalty * np.exp(np.cumsum(logs, axis=0) / counted))
