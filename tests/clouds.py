"""Made-up features for tests of MAUVE."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.metrics import clusters
from harness.metrics.base import Corpus, Tools
from tests.corpora import corpus

Features = NDArray[np.float32]
needs = pytest.mark.skipif(not clusters.installed(), reason="needs the extra mauve")


def drawn(n: int, d: int, shift: float = 0.0, seed: int = 0) -> Features:
    return (np.random.RandomState(seed).randn(n, d) + shift).astype(np.float32)


def tools(features: Features, n: int, generations: Features | None = None) -> Tools:
    """References of n texts with the first features, anything else with the second."""
    references = corpus([[1, 2, 3]] * n, ends=["reference"] * n)

    def of(texts: Corpus) -> Features:
        return features if texts.ends[:1] == ["reference"] or generations is None else generations

    return Tools(references, of, "test/last")
