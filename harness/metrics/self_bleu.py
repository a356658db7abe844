"""How much the texts are like each other: self-BLEU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2s
from importlib.metadata import version
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.jackknife import groups
from harness.knobs import PositiveCount
from harness.metrics.base import Corpus, Metric, Score, Tools
from harness.metrics.bleu import Style, bleu
from harness.metrics.bleu_counts import closest, matches
from harness.metrics.compat import degen, fix, helm, mauve_experiments, signed
from harness.metrics.ngrams import Unit, ngrams, told, units
from harness.signature import sign


@dataclass(frozen=True)
class SelfBleu(Metric):
    """self-BLEU-n = the mean over texts of BLEU-n of a text, with all the other texts of the corpus as its references.

    Zhu et al. (2018), "Texygen: a benchmarking platform for text generation models", with n from 2 to 5 and uniform
    weights 1/n; Holtzman et al. (2020) report n = 4. From 0 to 1; continuations only; the higher, the more alike the
    texts are, so nearer to the references is better. Each text's value is exactly that of nltk or sacrebleu (`style`),
    but the time is linear in the corpus, not quadratic. Where a prompt has several samples they are references of each
    other too, so several samples of one prompt raise the number.

    It rises with the number of texts, as a text has more references, and with their length: the signature holds both
    (`length`: the most tokens a text may have). One text alone has no value. An empty text counts, with BLEU 0.
    A text whose equal is in the corpus has p_k = 1 for each k up to its length and no brevity penalty, so of a corpus
    that is doubled self-BLEU-n is 1, but for texts shorter than n (see `Style`) and empty ones.

    Published code samples hypotheses, as nltk is slow: 1,000 texts in degen, 500 in mauve-experiments (with the prompt
    in front). HELM takes sacrebleu's value times 100, over its own tokens, among the samples of one prompt. The mean of
    pairwise BLEU, which has the same name elsewhere, is another number.

    The interval comes from leaving out a group of prompts at a time, as hypotheses and as references. With it,
    5,000 texts of 128 words take 1 to 2 seconds.

    Attributes:
        sizes: the n of each self-BLEU-n.
        style: whose smoothing.
        hypotheses: how many texts are scored, all others being references all the same; None: all. They are those
            whose prompts come first by a hash of their ids: the same prompts for every strategy, in any order.
        unit: what n-grams are made of.
        compat: the numbers of published code instead, with their quirks and without intervals (see
            `harness.metrics.compat`): `degen` or `mauve_experiments` for n from 1 to 5, without the prompts; `helm` for
            sacrebleu's among the samples of a prompt, 0 to 100.
    """

    sizes: Annotated[tuple[PositiveCount, ...], Field(min_length=1)] = (2, 3, 4, 5)
    style: Style = "nltk-method1"
    hypotheses: PositiveCount | None = None
    unit: Unit = "tokens"
    compat: Literal["degen", "mauve_experiments", "helm"] | None = None

    def __post_init__(self) -> None:
        """Refuse knobs that the published code decides."""
        super().__post_init__()
        fix(self, "metrics.self_bleu", self.compat, free=("unit",))

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """One score per size, with items and the values without each group."""
        if self.compat is not None:
            return self._published(corpus)
        sequences = units(corpus, self.unit, "metrics.self_bleu")
        lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
        group = groups(corpus.prompt_ids)
        chosen = self._chosen(corpus)
        items, left_out = self._values(sequences, lengths, group, chosen)
        signed = {
            "bleu": self.style,
            "hypotheses": self.hypotheses or "all",
            **told(corpus, self.unit),
            "texts": len(lengths),
        }
        return [
            Score(
                name=f"self-bleu-{size}",
                value=_mean(items[size - 1, chosen]),
                better="reference",
                signature=sign(f"self-bleu-{size}", **signed),
                left_out=left_out[:, size - 1],
                bounds=(0.0, 1.0),
                items=np.where(chosen, items[size - 1], np.nan),
                notes=self._notes(lengths[chosen], size),
            )
            for size in self.sizes
        ]

    def _published(self, corpus: Corpus) -> list[Score]:
        said = {**signed(self.compat), "texts": len(corpus.texts)}
        if self.compat == "helm":
            value = helm.self_bleu(corpus.texts, corpus.prompt_ids)
            signature = sign("self-bleu-4", bleu="sacrebleu-exp", sacrebleu=version("sacrebleu"), unit="13a", **said)
            return [Score("self-bleu-4", value, "reference", signature)]
        sequences = units(corpus, self.unit, "metrics.self_bleu")
        project = degen if self.compat == "degen" else mauve_experiments
        said |= told(corpus, self.unit)
        values = dict(zip(degen.BLEU_SIZES, project.self_bleu(sequences, degen.BLEU_SIZES), strict=True))
        return [
            Score(f"self-bleu-{size}", value, "reference", sign(f"self-bleu-{size}", bleu="nltk-method1", **said))
            for size, value in values.items()
        ]

    def _values(
        self,
        sequences: Sequence[Sequence[object]],
        lengths: NDArray[np.int64],
        group: NDArray[np.int64],
        chosen: NDArray[np.bool_],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """([orders, texts] BLEU of each text, [groups, orders] the means without each group)."""
        orders = max(self.sizes)
        left_out = np.full((int(group.max(initial=-1)) + 1, orders), np.nan)
        if len(lengths) < 2:
            return np.full((orders, len(lengths)), np.nan), left_out
        texts = np.arange(len(lengths))
        found = [matches(g.ids, g.spread(texts), group) for g in ngrams(sequences, range(1, orders + 1))]
        whole, lost = np.stack([f.whole for f in found]), np.stack([f.lost for f in found])
        for g in range(len(left_out)):
            kept = np.flatnonzero(group != g)
            if len(kept) > 1 and chosen[kept].any():
                matched, length = whole[:, kept] - lost[:, kept, g], lengths[kept]
                values = bleu(matched, length, closest(length), self.style)
                left_out[g] = values[:, chosen[kept]].mean(axis=1)
        return bleu(whole, lengths, closest(lengths), self.style), left_out

    def _chosen(self, corpus: Corpus) -> NDArray[np.bool_]:
        """[texts] which texts are scored."""
        if self.hypotheses is None:
            return np.full(len(corpus.texts), True)
        keys = [blake2s(name.encode(), digest_size=8).digest() for name in corpus.prompt_ids]
        order = sorted(range(len(keys)), key=lambda i: (keys[i], corpus.prompt_ids[i], corpus.texts[i]))
        chosen = np.full(len(keys), False)
        chosen[order[: self.hypotheses]] = True
        return chosen

    def _notes(self, lengths: NDArray[np.int64], size: int) -> tuple[str, ...]:
        short = int((lengths < size).sum())
        rule = "has precision 0.1" if self.style == "nltk-method1" else "is left out"
        return (f"{short} of {len(lengths)} texts are too short for n = {size}: such an n {rule}",) if short else ()


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")
