"""Corpora for tests of metrics."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from harness.metrics.base import Corpus

# Few different tokens, so that n-grams repeat; empty texts and texts of one token among them.
SEQUENCES = st.lists(st.lists(st.integers(0, 3), max_size=12), min_size=1, max_size=6)


def corpus(
    tokens: Sequence[Sequence[int]] = (),
    *,
    texts: Sequence[str] | None = None,
    logprobs: Sequence[ArrayLike] | None = None,
    ends: Sequence[str] | None = None,
) -> Corpus:
    """A corpus with the given parts; the texts are the tokens as characters unless they are given."""
    if texts is not None and not tokens:
        tokens = [[ord(character) for character in text] for text in texts]
    texts = texts if texts is not None else ["".join(chr(97 + token) for token in text) for text in tokens]
    values = [np.asarray(v, dtype=np.float64) for v in logprobs or [[-1.0] * len(text) for text in tokens]]
    return Corpus(
        prompt_ids=[f"p{i}" for i in range(len(texts))],
        prompts=[""] * len(texts),
        texts=texts,
        tokens=tokens,
        values={"logprob": values, "entropy": values},
        ends=ends or ["length"] * len(texts),
        limit=max(map(len, tokens), default=0),
    )


def shuffled(tokens: Sequence[Sequence[int]], random: Any) -> Corpus:
    """The corpus of these tokens in another order."""
    return corpus(random.sample(list(tokens), len(tokens)))


def golden(name: str) -> Path:
    """A file of published values; the test is skipped where it is absent."""
    folder = Path(os.environ.get("HARNESS_GOLDEN", Path(__file__).parents[2] / "shared" / "golden"))
    if not (folder / name).exists():
        pytest.skip(f"published values are not here: set HARNESS_GOLDEN to the folder that holds {name}")
    return folder / name
