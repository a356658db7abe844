"""Does a phrase get likelier by having been said? Sentences that a model did not write, copied after themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.models.base import LanguageModel
from harness.models.scoring import score_continuations

Floats = NDArray[np.float64]


def first_sentence(text: str) -> str:
    """Up to the first full stop, exclamation or question mark that white space follows; all of a text without one."""
    return re.split(r"(?<=[.!?])\s", text.strip(), maxsplit=1)[0]


def echo(model: LanguageModel, sentences: Sequence[str], copies: int = 8, tokens: int = 40) -> Floats:
    """[sentences, copies] mean log-probability of a sentence's tokens, copy by copy, in nats.

    The copies follow each other from the model's start token on, and the model is made to read them: that it may have
    chosen to repeat itself has no part in the numbers. After Xu et al. (2022), "Learning to break the loop", who call
    their rising the self-reinforcement of repetition.

    Args:
        model: any language model.
        sentences: each begins a copy after a space, in at most so many `tokens`; those of no tokens are left out.
        copies: of each; fewer where the context is too short.
        tokens: of a copy at most.
    """
    start = model.encode("")
    texts = [tokens_ for each in sentences if (tokens_ := model.continuation(f" {each}")[:tokens])]
    if model.context is not None and texts:
        copies = max(1, min(copies, (model.context - len(start)) // max(map(len, texts))))
    scores = score_continuations(model, [start] * len(texts), [text * copies for text in texts])
    means = [score.logprob.reshape(copies, -1).mean(axis=1) for score in scores]
    return np.array(means, dtype=np.float64).reshape(len(texts), copies)
