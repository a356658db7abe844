"""What a metric measures, what it measures it on, and what it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.knobs import check

Better = Literal["high", "low", "reference"]
"""Which way is better; `reference`: closer to the reference texts is better, as for diversity or perplexity."""


@dataclass(frozen=True)
class Corpus:
    """The texts of one job, or the references, in one fixed order. All sequences have one entry per text."""

    prompt_ids: Sequence[str]  # the prompt that each text continues: the unit of resampling
    prompts: Sequence[str]
    texts: Sequence[str]  # continuations alone, special tokens left out
    tokens: Sequence[Sequence[int]]  # model tokens of the continuations, special tokens left out
    logprobs: Sequence[NDArray[np.float64]]  # the model's own log-probability of each token, a closing eos included
    entropies: Sequence[NDArray[np.float64]]  # of the model's own distribution at each token, in nats
    ends: Sequence[str]  # finish reasons: eos, length, context; references: reference

    def cut(self, length: int, decode: Callable[[Sequence[int]], str]) -> Corpus:
        """The corpus with every text cut to its first `length` tokens; `decode` is the model's own."""
        texts, tokens, ends = list(self.texts), list(self.tokens), list(self.ends)
        logprobs, entropies = list(self.logprobs), list(self.entropies)
        for i, whole in enumerate(self.tokens):
            if len(whole) > length:
                tokens[i], texts[i] = whole[:length], decode(whole[:length])
                logprobs[i], entropies[i] = self.logprobs[i][:length], self.entropies[i][:length]
                ends[i] = "reference" if ends[i] == "reference" else "length"
        return replace(self, texts=texts, tokens=tokens, logprobs=logprobs, entropies=entropies, ends=ends)


@dataclass(frozen=True)
class Score:
    """One number with what it takes to resample and to compare it."""

    name: str  # "rep-4", "distinct-2", "mauve"
    value: float
    better: Better
    signature: str  # every knob that can move the number: "rep-4|unit:model-tokens|avg:macro|v:0.1.0"
    # The number is combine(stats.sum(axis=0)): [texts, k] and [..., k] -> [...]. A mean has k = 2, (item, 1).
    stats: NDArray[np.float64] | None = None
    combine: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None
    items: NDArray[np.float64] | None = None  # [texts], for people to look at; NaN where a text has no value
    notes: tuple[str, ...] = ()  # what a reader has to know before believing it


@dataclass(frozen=True)
class Tools:
    """What a metric may ask the harness for. Everything here is shared by all jobs of a sweep."""

    references: Corpus | None  # the reference texts of the same prompts, as long as the generations may be
    features: Callable[[Corpus], NDArray[np.float32]] | None = None  # [texts, d], one vector per text
    featurizer: str = ""  # what a signature calls them; empty: what they call themselves (`source`)
    decode: Callable[[Sequence[int]], str] | None = None  # tokens of a continuation to its text, to cut texts

    @property
    def source(self) -> str:
        """What a signature calls the features. Asked only once they are used, as it may load their model."""
        return self.featurizer or str(getattr(self.features, "signature", ""))


class Metric(ABC):
    """A metric: a frozen dataclass of knobs, callable on a corpus."""

    def __post_init__(self) -> None:
        """Refuse knobs outside their annotated types and ranges, from Python as from yaml.

        Raises:
            InputError: it names the knob, its value, and what is allowed.
        """
        kind = type(self)
        for knob in fields(self):  # type: ignore[arg-type]  # subclasses are dataclasses
            value = getattr(self, knob.name)
            shown = f"{kind.__name__}({knob.name}={value!r})"
            object.__setattr__(self, knob.name, check(kind, knob.name, value, shown))

    @abstractmethod
    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """One or more scores. A corpus that is itself the references gets what still makes sense, or nothing."""


def ratio(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """[..., 2] -> [...]: the combine of a mean (item, 1) and of a micro average (numerator, denominator)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])


def mean_of(
    name: str, items: NDArray[np.float64], better: Better, signature: str, notes: tuple[str, ...] = ()
) -> Score:
    """The score that is the mean of its items; texts without a value (NaN) are left out and counted in a note."""
    has = ~np.isnan(items)
    stats = np.stack([np.where(has, items, 0.0), has.astype(np.float64)], axis=1)
    if not has.all():
        notes = (*notes, f"{int((~has).sum())} of {len(items)} texts have no value")
    return Score(name, float(ratio(stats.sum(axis=0))), better, signature, stats, ratio, items, notes)
