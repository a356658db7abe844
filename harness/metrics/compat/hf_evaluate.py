"""The perplexity of Hugging Face's `evaluate` (`metrics/perplexity`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def perplexities(logprobs: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """[texts] exp(mean negative log-probability of a text), whose mean that code reports; NaN for a text of no tokens.

    Ours takes the exponential once, of the mean over all tokens. A mean of exponentials is never below the exponential
    of the mean over texts, and a few wild texts decide it.

    That code scores texts by themselves, after a bos token; the log-probabilities here are whatever was recorded, for
    our own generations those given the prompt.
    """
    return np.array([np.exp(-np.mean(values)) if len(values) else np.nan for values in logprobs], dtype=np.float64)
