"""MAUVE: how close the distribution of the generations comes to that of human text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from harness.errors import InputError
from harness.knobs import Count, Positive, PositiveCount
from harness.metrics import pairing
from harness.metrics.base import Corpus, Metric, Score, Tools
from harness.metrics.clusters import installed, source
from harness.metrics.comparison import MEASURES, Comparison, compare
from harness.metrics.compat import fix, mauve_text, signed
from harness.metrics.mauve_notes import notes_on
from harness.metrics.pairing import Pair, smallest
from harness.signature import sign

_OPEN = ("featurizer", "num_buckets", "scaling_factor", "min_texts", "max_tokens")  # knobs that mauve-text has, too


@dataclass(frozen=True)
class Mauve(Metric):
    """MAUVE of the continuations (q) against the references (p), prompts left out; between 0 and 1, higher is closer.

    Both sides' features are clustered together (`clusters`), and their histograms over the clusters compared
    (`divergence`):

    - `mauve`: the area under the divergence curve (Pillutla et al., 2021).
    - `mauve-star`: the same with 1/2 added to every count (Pillutla et al., 2023).
    - `frontier-integral`: lower is closer (Liu et al., 2021); it has no scaling factor.
    - `mauve-split`: MAUVE of the references of one half of the prompts against the generations of the other half, at
      half as many texts. The references have it too, against themselves: that is the ceiling, what human text reaches
      at this number of texts. `mauve` has none, for want of second references to the same prompts.

    They depend on how many texts there are, on their length and on what makes the features: the first and the last are
    in the signature, unequal lengths in a note. Where prompts have several samples, the first samples are compared with
    the references, then the second, and so on; the score is the mean, at as many texts as there are prompts. Another
    clustering seed moves `mauve` by 0.05 and more at a few hundred texts, so each is a mean over several, too.

    The interval is that of the jackknife: groups of prompts are taken out of both histograms, with the clusters as they
    are, and the noise of the clustering is added (`experiments/mauve` measures how often it holds the true number). A
    bootstrap would repeat texts, and the clustering takes repeated texts for a cluster.

    The order of prompts moves nothing, nor does copying the corpus, which makes further samples. Empty texts are
    counted, not dropped. Numbered prompts are clustered in the order of their numbers, as mauve-text is mostly given
    them: one clustering seed is then its number to the last digits, but for ties (`divergence.area`).

    Where faiss or scikit-learn is missing the score is NaN, with a note that says what to install: mauve is among the
    default metrics, and nobody who runs those has asked for an optional package. Without a number the features are not
    asked for, so their model is not loaded.

    Attributes:
        featurizer: whose hidden states are the features, as a model of `conf/model`; `auto` lets the harness choose one
            for all jobs. Read by who makes `Tools.features`; the signature says what those came from.
        num_buckets: clusters; `auto` is a tenth of the smaller side's texts, at least two.
        scaling_factor: the paper's c.
        seeds: clustering seeds 25, 26, … to average over.
        splits: of the prompts into halves, for `mauve-split`: two are both directions of one division; 0: none.
        min_texts: fewer on either side give no number: greedy text scores 0.999 against human text at 12 texts.
        max_tokens: cut both sides to so many of the model's tokens; None takes them as they are.
        compat: `mauve_text`: that package's `mauve` instead, of all texts in their order but empty ones, under one
            clustering seed, with its area (`harness.metrics.compat.mauve_text`); no interval.
    """

    gap: ClassVar[Literal["matched", "plain", "none"]] = "plain"  # of mauve-split: how far below the ceiling

    featurizer: str = "auto"
    num_buckets: Literal["auto"] | Annotated[int, Field(ge=2)] = "auto"
    scaling_factor: Positive = 5.0
    seeds: PositiveCount = 5
    splits: Count = 2
    min_texts: Annotated[int, Field(ge=10)] = 100
    max_tokens: PositiveCount | None = None
    compat: Literal["mauve_text"] | None = None

    def __post_init__(self) -> None:
        """Refuse knobs that the published code decides."""
        super().__post_init__()
        fix(self, "metrics.mauve", self.compat, free=_OPEN, seeds=1, splits=0)

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """The scores, or one NaN whose note says why; the references get `mauve-split` alone, or nothing."""
        references = tools.references
        if references is None or tools.features is None or not installed():
            return self._none(corpus, tools, _lacking(tools))
        p, q = self._cut(references, tools), self._cut(corpus, tools)
        if self.compat is not None:
            return self._published(p, q, tools) if corpus is not references else []
        pairs = pairing.whole(*(pairing.sample_sets(side.prompt_ids, self.min_texts) for side in (p, q)))
        halves = pairing.split(pairs, p.prompt_ids, q.prompt_ids, self.splits)
        obstacle, half_obstacle = self._obstacle(pairs), self._obstacle(halves)
        if obstacle or (corpus is references and half_obstacle):
            return self._none(corpus, tools, obstacle)
        features = tools.features(p), tools.features(q)
        if not all(np.isfinite(side).all() for side in features):
            return self._none(corpus, tools, "the features are not finite")
        groups = pairing.shared_groups(p.prompt_ids, q.prompt_ids)

        def compared(chosen: Sequence[Pair]) -> Comparison:
            buckets = self._buckets(chosen)
            return compare(chosen, features, groups, buckets, seeds=self.seeds, scaling_factor=self.scaling_factor)

        scores = []
        if corpus is not references:
            found = compared(pairs)
            for measure, (name, better) in enumerate(MEASURES):
                scores.append(found.score(measure, name, better, self._signature(name, tools, pairs)))
            notes = notes_on(p, q, pairs, found.of(0))
            if self.splits and half_obstacle:
                notes = (*notes, f"no mauve-split, whose value for the references is the ceiling: {half_obstacle}")
            scores[0] = replace(scores[0], notes=notes)
        if not half_obstacle:
            signature = self._signature("mauve-split", tools, halves)
            scores.append(compared(halves).score(0, "mauve-split", "high", signature))
        return scores

    def _published(self, p: Corpus, q: Corpus, tools: Tools) -> list[Score]:
        p, q = (side.take([i for i, text in enumerate(side.texts) if text]) for side in (p, q))
        pairs = [Pair(np.arange(len(p.texts)), np.arange(len(q.texts)))]
        if obstacle := self._obstacle(pairs):
            return self._none(q, tools, obstacle)
        if tools.features is None:
            return self._none(q, tools, _lacking(tools))
        features = tools.features(p), tools.features(q)
        if not all(np.isfinite(side).all() for side in features):
            return self._none(q, tools, "the features are not finite")
        value = mauve_text.mauve(*features, self._buckets(pairs), self.scaling_factor)
        return [Score("mauve", value, "high", self._signature("mauve", tools, pairs))]

    def _cut(self, corpus: Corpus, tools: Tools) -> Corpus:
        if self.max_tokens is None:
            return corpus
        if tools.decode is None:
            raise InputError(f"metrics.mauve.max_tokens={self.max_tokens}: cutting texts takes the model's tokenizer")
        return corpus.cut(self.max_tokens, tools.decode)

    def _buckets(self, pairs: Sequence[Pair]) -> int:
        """The clusters of each pair: `auto` is mauve-text's rule."""
        return max(2, round(smallest(pairs) / 10)) if self.num_buckets == "auto" else self.num_buckets

    def _obstacle(self, pairs: Sequence[Pair]) -> str:
        """Why there is no number for these pairs; empty where there is one."""
        if (smaller := smallest(pairs)) < self.min_texts:
            return f"it takes {self.min_texts} texts on each side, there are {smaller}"
        if (buckets := self._buckets(pairs)) > (texts := min(len(pair.p) + len(pair.q) for pair in pairs)):
            return f"{buckets} buckets are too many for {texts} texts"
        return ""

    def _none(self, corpus: Corpus, tools: Tools, why: str) -> list[Score]:
        """NaN, with a note; nothing for the references."""
        if corpus is tools.references:
            return []
        return [Score("mauve", float("nan"), "high", self._signature("mauve", tools, ()), notes=(f"no MAUVE: {why}",))]

    def _signature(self, name: str, tools: Tools, pairs: Sequence[Pair]) -> str:
        """What fixes a number of these pairs.

        Without pairs it says nothing of the features and clusters: to ask for their names would load what is behind.
        """
        return sign(
            name,
            features=(tools.source or None) if pairs else None,
            clusters=source() if pairs else None,
            buckets=self._buckets(pairs) if pairs else None,
            **({} if name == "frontier-integral" else {"c": self.scaling_factor}),
            seeds=self.seeds if self.compat is None else 1,
            **({"splits": self.splits} if name == "mauve-split" else {}),
            cut=self.max_tokens,
            texts=max((len(pair.q) for pair in pairs), default=None),
            references=max((len(pair.p) for pair in pairs), default=None),
            **signed(self.compat),
        )


def _lacking(tools: Tools) -> str:
    """What it takes and is not there."""
    if tools.references is None:
        return "there are no references to compare with"
    if tools.features is None:
        return "there are no features to compare with"
    return "pip install 'decoding-harness[mauve]'"
