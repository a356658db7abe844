"""Clouds of points that stand for the features of texts, and Mauve on them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.evidence import Evidence, evidence
from harness.metrics.base import Corpus, Tools
from harness.metrics.mauve import Mauve

Cloud = NDArray[np.float32]


def cloud(texts: int, dimensions: int, shift: float, seed: int) -> Cloud:
    """[texts, dimensions] standard normal, `shift` standard deviations away from the origin along the diagonal."""
    drawn = np.random.default_rng(seed).standard_normal((texts, dimensions))
    return np.asarray(drawn + shift / dimensions**0.5, dtype=np.float32)


def corpus(name: str, texts: int) -> Corpus:
    """A corpus whose texts nobody reads: one per prompt, the same prompts for every name."""
    return Corpus(
        prompt_ids=[str(i) for i in range(texts)],
        prompts=[""] * texts,
        texts=[name] * texts,
        ends=["unknown"] * texts,
    )


def evidences(references: Cloud, generations: Cloud | None, metric: Mauve) -> dict[str, Evidence]:
    """The scores of the generations, by name, as intervals and differences are made from them.

    Without generations it is those of the references themselves: `mauve-split` alone.
    """
    human = corpus("p", len(references))
    ours = human if generations is None else corpus("q", len(generations))

    def features(side: Corpus) -> Cloud:
        return references if side is human or generations is None else generations

    scores = metric(ours, Tools(human, features, "clouds"))
    return {score.name: found for score in scores if (found := evidence(score, ours.prompt_ids))}
