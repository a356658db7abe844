"""MAUVE: how close the distribution of the generations comes to that of human text.

The only file that touches mauve-text, which is under the GPL, optional, and slow to import. Of it we use the
clustering; the area under the divergence curve is computed here, because mauve-text 0.4 sorts the curve's points by one
coordinate with an unstable sort: points that tie are joined in any order, and some identical histograms score 0.75
instead of 1.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.errors import InputError
from harness.knobs import Positive, PositiveCount
from harness.metrics.base import Corpus, Metric, Score, Tools
from harness.signature import sign

Floats = NDArray[np.float64]
Features = NDArray[np.float32]

FIRST_SEED = 25  # mauve-text's default
STEADY = 1_000  # texts from which on the bias and the noise of the histograms stop dominating
UNEQUAL = 0.05  # relative difference in mean length from which on it is noted


def installed() -> bool:
    """Whether mauve-text and what it clusters with are there; imports none of them (that takes seconds)."""
    specs = map(find_spec, ("mauve", "faiss", "sklearn", "threadpoolctl"))
    return all(spec is not None and spec.origin is not None for spec in specs)  # a folder called mauve has no origin


def area(p: Floats, q: Floats, scaling_factor: float = 5.0, points: int = 25) -> float:
    """The area under the divergence curve of two histograms, in (0, 1]; 1 where they are equal.

    The curve is (exp(-c KL(q|r)), exp(-c KL(p|r))) over mixtures r = w p + (1 - w) q, with c the scaling factor and its
    ends at (1, 0) and (0, 1) (Pillutla et al., 2021, "MAUVE: measuring the gap between neural text and human text").
    As w grows it only moves left and up, so its points are integrated in the order in which they come; ties need no
    sorting. mauve-text averages the areas over either axis, which the trapezoid rule makes the same number.

    Args:
        p: [buckets] probabilities of the references.
        q: [buckets] probabilities of the generations.
        scaling_factor: the paper's c; mauve-text's value is 5.
        points: mixtures on the curve; mauve-text's value is 25.
    """
    from scipy.special import rel_entr

    w = np.linspace(1e-6, 1 - 1e-6, points)[:, None]
    r = w * p + (1 - w) * q
    divergence = np.stack([rel_entr(q, r).sum(axis=1), rel_entr(p, r).sum(axis=1)])
    curve = np.exp(-scaling_factor * np.maximum(divergence, 0.0))  # rounding may take a divergence of 0 below it
    x, y = np.concatenate([[[1.0], [0.0]], curve, [[0.0], [1.0]]], axis=1)
    return min(1.0, float(np.sum((x[:-1] - x[1:]) * (y[:-1] + y[1:])) / 2))


def histograms(p: Features, q: Features, buckets: int, seed: int) -> tuple[Floats, Floats]:
    """The shares of each side's texts in each of the clusters of both sides' features together.

    Args:
        p: [texts, d] features of the references.
        q: [texts, d] features of the generations.
        buckets: how many clusters.
        seed: of the clustering.
    """
    from mauve import compute_mauve
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # The values are the same under any number of threads; on a small busy machine several are 20 times slower than one.
    with _quiet(), threadpool_limits(1):
        found = compute_mauve(p_features=p, q_features=q, num_buckets=int(buckets), seed=seed)
    return found.p_hist, found.q_hist


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop what is written to file descriptor 2: faiss warns from C++, where Python has no say."""
    saved = os.dup(2)
    try:
        with open(os.devnull, "wb") as sink:
            os.dup2(sink.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


@dataclass(frozen=True)
class Mauve(Metric):
    """MAUVE of the continuations (q) against the references (p), prompts left out; between 0 and 1, higher is closer.

    Both sides' features are clustered together (l2-normalised, PCA to 90% of the variance, k-means: mauve-text's steps
    and defaults); the number is the area under the divergence curve of the two histograms. Another clustering seed
    moves it by 0.05 and more at a few hundred texts, so it is averaged over several. It depends on how many texts there
    are, on their length and on what makes the features; the first and the last are in the signature, unequal lengths in
    a note. No interval: a resample repeats texts, and the clustering takes repeated texts for a cluster.

    Where mauve-text is missing the score is NaN, with a note that says what to install: mauve is among the default
    metrics, and nobody who runs those has asked for an optional package. Without a number the features are not asked
    for, so their model is not loaded.

    Attributes:
        featurizer: whose hidden states are the features, as a model of `conf/model`; `auto` lets the harness choose one
            for all jobs. Read by who makes `Tools.features`; the signature says what those came from.
        num_buckets: clusters; `auto` is a tenth of the smaller side's texts, at least two.
        scaling_factor: the paper's c.
        seeds: clustering seeds 25, 26, … to average over.
        min_texts: fewer on either side give no number: greedy text scores 0.999 against human text at 12 texts.
        max_tokens: cut both sides to so many of the model's tokens; None takes them as they are.
    """

    featurizer: str = "auto"
    num_buckets: Literal["auto"] | Annotated[int, Field(ge=2)] = "auto"
    scaling_factor: Positive = 5.0
    seeds: PositiveCount = 3
    min_texts: Annotated[int, Field(ge=10)] = 100
    max_tokens: PositiveCount | None = None

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """One score, NaN with a note where there is nothing to compare; nothing for the references themselves."""
        if corpus is tools.references:
            return []
        if tools.references is None or tools.features is None:
            what = "references" if tools.references is None else "features"
            return [self._none(corpus, tools, f"there are no {what} to compare with")]
        if not installed():
            return [self._none(corpus, tools, "pip install 'decoding-harness[mauve]'")]
        p, q = self._cut(tools.references, tools), self._cut(corpus, tools)
        smaller = min(len(p.texts), len(q.texts))
        if smaller < self.min_texts:
            return [self._none(corpus, tools, f"it takes {self.min_texts} texts on each side, there are {smaller}")]
        buckets = max(2, round(smaller / 10)) if self.num_buckets == "auto" else self.num_buckets
        if buckets > (texts := len(p.texts) + len(q.texts)):
            return [self._none(corpus, tools, f"{buckets} buckets are too many for {texts} texts")]
        features = tools.features(p), tools.features(q)
        if not all(np.isfinite(side).all() for side in features):
            return [self._none(corpus, tools, "the features are not finite", buckets)]
        seeds = range(FIRST_SEED, FIRST_SEED + self.seeds)
        values = [area(*histograms(*features, buckets, seed), self.scaling_factor) for seed in seeds]
        signature = self._signature(corpus, tools, buckets)
        return [Score("mauve", float(np.mean(values)), "high", signature, notes=_notes(p, q, values))]

    def _cut(self, corpus: Corpus, tools: Tools) -> Corpus:
        if self.max_tokens is None:
            return corpus
        if tools.decode is None:
            raise InputError(f"metrics.mauve.max_tokens={self.max_tokens}: cutting texts takes the model's tokenizer")
        return corpus.cut(self.max_tokens, tools.decode)

    def _none(self, corpus: Corpus, tools: Tools, why: str, buckets: int | None = None) -> Score:
        signature = self._signature(corpus, tools, buckets)
        return Score("mauve", float("nan"), "high", signature, notes=(f"no MAUVE: {why}",))

    def _signature(self, corpus: Corpus, tools: Tools, buckets: int | None) -> str:
        """Without buckets it says nothing of the features: to ask for their name would load their model."""
        return sign(
            "mauve",
            features=None if buckets is None else tools.source or None,
            buckets=buckets,
            c=self.scaling_factor,
            seeds=self.seeds,
            cut=self.max_tokens,
            texts=len(corpus.texts),
            references=len(tools.references.texts) if tools.references else 0,
            **{"mauve-text": version("mauve-text") if installed() else None},
        )


def _notes(p: Corpus, q: Corpus, values: list[float]) -> tuple[str, ...]:
    """What a reader has to know: too few texts, unequal lengths, empty texts, the spread over clustering seeds."""
    notes = []
    if min(len(p.texts), len(q.texts)) < STEADY:
        notes.append(f"below {STEADY:,} texts MAUVE is optimistic and noisy")
    references, generations = (float(np.mean([len(tokens) for tokens in side.ids("metrics.mauve")])) for side in (p, q))
    if abs(generations - references) > UNEQUAL * max(generations, references):
        notes.append(f"MAUVE sees lengths too: {generations:.1f} tokens on average, {references:.1f} in the references")
    if empty := sum(not text for side in (p, q) for text in side.texts):
        notes.append(f"{empty} empty texts are counted")
    if len(values) > 1:
        notes.append(f"clustering seeds give {min(values):.3f} to {max(values):.3f}")
    return tuple(notes)
