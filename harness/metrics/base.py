"""What a metric measures, what it measures it on, and what it answers."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError
from harness.knobs import check
from harness.stats import Combine, number

T = TypeVar("T")

Better = Literal["high", "low", "reference"]
"""Which way is better; `reference`: closer to the reference texts is better, as for diversity or perplexity."""

Bounds = tuple[float, float]
"""The least and the most that a score can be; an interval is cut there."""

ANYTHING: Bounds = (-math.inf, math.inf)

ENDLESS = ("reference", "unknown")
"""The finish reasons of texts of which nobody can say whether they ended by themselves."""


@dataclass(frozen=True)
class Corpus:
    """The texts of one job, or the references, in one fixed order. All sequences have one entry per text."""

    prompt_ids: Sequence[str]  # the prompt that each text continues: the unit of resampling
    prompts: Sequence[str]
    texts: Sequence[str]  # continuations alone, special tokens left out
    ends: Sequence[str]  # finish reasons: eos, length, context; references: reference; texts from elsewhere: unknown
    # Model tokens of the continuations, special tokens left out; None: texts from elsewhere that nobody tokenised.
    tokens: Sequence[Sequence[int]] | None = None
    # Per text the values of each of its tokens, a closing eos included, by those of the names in
    # `harness.strategies.base.VALUES` that are known: references have no strategy_logprob, texts of others nothing.
    values: Mapping[str, Sequence[NDArray[np.float64]]] = field(default_factory=dict)
    # What signatures say, where it is known. Not the longest text, which under one limit differs by chance.
    limit: int | None = None  # the most tokens that a text may have
    reader: str = ""  # whose tokens and values these are: a model, "pocket-m@1a2b3c4d5e6f", or a tokenizer

    def ids(self, asker: str) -> Sequence[Sequence[int]]:
        """The tokens; InputError, in the name of who asks ("metrics.loops"), where there are none."""
        if self.tokens is None:
            raise InputError(
                f"{asker} counts model tokens, and these texts have none: name the tokenizer, or count words"
            )
        return self.tokens

    def per_token(self, name: str, asker: str) -> Sequence[NDArray[np.float64]]:
        """One of the values; InputError, in the name of who asks, where it is not known."""
        if name not in self.values:
            raise InputError(f"{asker} needs the {name} of every token, which these texts do not come with")
        return self.values[name]

    def take(self, rows: Sequence[int]) -> Corpus:
        """The corpus of some of the texts, in the order of `rows`; of all in their order, the corpus itself."""
        if list(rows) == list(range(len(self.texts))):
            return self

        def some(column: Sequence[T]) -> list[T]:
            return [column[i] for i in rows]

        return replace(
            self,
            prompt_ids=some(self.prompt_ids),
            prompts=some(self.prompts),
            texts=some(self.texts),
            ends=some(self.ends),
            tokens=None if self.tokens is None else some(self.tokens),
            values={name: some(column) for name, column in self.values.items()},
        )

    def cut(self, length: int, decode: Callable[[Sequence[int]], str]) -> Corpus:
        """The corpus with every text cut to its first `length` tokens; `decode` is the model's own."""
        limit = length if self.limit is None else min(length, self.limit)
        return replace(self.cut_each([length] * len(self.texts), decode), limit=limit)

    def cut_each(self, lengths: Sequence[int], decode: Callable[[Sequence[int]], str]) -> Corpus:
        """The corpus with the i-th text cut to its first `lengths[i]` tokens; `decode` is the model's own."""
        given = self.ids("cutting texts")
        texts, tokens, ends = list(self.texts), list(given), list(self.ends)
        values = {name: list(column) for name, column in self.values.items()}
        for i, (whole, length) in enumerate(zip(given, lengths, strict=True)):
            if len(whole) > length:
                tokens[i], texts[i] = whole[:length], decode(whole[:length])
                ends[i] = ends[i] if ends[i] in ENDLESS else "length"
                for column in values.values():
                    column[i] = column[i][:length]
        return replace(self, texts=texts, tokens=tokens, values=values, ends=ends)


@dataclass(frozen=True)
class Score:
    """One number with what it takes to resample and to compare it.

    A number that is put together from summands of single texts gives `stats` and `combine`, and gets a bootstrap
    interval. One that only the whole corpus has (distinct-n: a resample repeats texts) gives `left_out` and gets a
    jackknife interval. One that gives neither has no interval.
    """

    name: str  # "rep-4", "distinct-2", "mauve"
    value: float
    better: Better
    signature: str  # every knob that can move the number: "rep-4|unit:model-tokens|avg:macro|v:0.1.0"
    stats: NDArray[np.float64] | None = None  # [texts, k], what `combine` makes the number of: see `stats.Combine`
    combine: Combine | None = None
    left_out: NDArray[np.float64] | None = None  # [groups] the number without each group of `jackknife.groups`
    noise: float = 0.0  # variance that the texts have no part in, such as the clustering's, beside `left_out`
    bounds: Bounds = ANYTHING
    items: NDArray[np.float64] | None = None  # [texts], for people to look at; NaN where a text has no value
    curve: NDArray[np.float64] | None = None  # [2, points] x and y, to draw: what the number is the area under
    notes: tuple[str, ...] = ()  # what a reader has to know before believing it

    def __post_init__(self) -> None:
        """Refuse a combination that nobody can resample."""
        if self.combine is not None and self.combine not in get_args(Combine):
            raise ValueError(f"{self.name}: combine={self.combine!r} is none of {', '.join(get_args(Combine))}")


@dataclass(frozen=True)
class Scored:
    """What a model makes of each continuation, given its prompt, in its own tokens."""

    logprobs: Sequence[NDArray[np.float64]]  # per text, natural log of each token's probability
    signature: str  # the name and weights of the model


@dataclass(frozen=True)
class Tools:
    """What a metric may ask the harness for. Everything here is shared by all jobs of a sweep."""

    references: Corpus | None  # the reference texts of the same prompts, as long as the generations may be
    features: Callable[[Corpus], NDArray[np.float32]] | None = None  # [texts, d], one vector per text
    featurizer: str = ""  # what a signature calls them; empty: what they call themselves (`source`)
    decode: Callable[[Sequence[int]], str] | None = None  # tokens of a continuation to its text, to cut texts
    scorer: Callable[[str, Corpus], Scored] | None = None  # reads a corpus with another model, named as in conf/model

    @property
    def source(self) -> str:
        """What a signature calls the features. Asked only once they are used, as it may load their model."""
        return self.featurizer or str(getattr(self.features, "signature", ""))


class Metric(ABC):
    """A metric: a frozen dataclass of knobs, callable on a corpus."""

    # How its distance from the references is measured: with texts cut to the same length pair by pair, with texts as
    # they are (the length itself), or not at all.
    gap: ClassVar[Literal["matched", "plain", "none"]] = "matched"

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


def mean_of(
    name: str,
    items: NDArray[np.float64],
    better: Better,
    signature: str,
    notes: tuple[str, ...] = (),
    combine: Literal["ratio", "share"] = "ratio",
    bounds: Bounds = ANYTHING,
) -> Score:
    """The score that is the mean of its items; texts without a value (NaN) are left out and counted in a note.

    Items that are 1 or 0 make a `share`, whose interval is one for counts.
    """
    has = ~np.isnan(items)
    stats = np.stack([np.where(has, items, 0.0), has.astype(np.float64)], axis=1)
    if not has.all():
        notes = (*notes, f"{int((~has).sum())} of {len(items)} texts have no value")
    return combined(name, stats, combine, better, signature, items, notes, bounds)


def combined(
    name: str,
    stats: NDArray[np.float64],
    combine: Combine,
    better: Better,
    signature: str,
    items: NDArray[np.float64] | None = None,
    notes: tuple[str, ...] = (),
    bounds: Bounds = ANYTHING,
) -> Score:
    """The score that [texts, k] summands make."""
    value = number(stats, combine)
    return Score(name, value, better, signature, stats=stats, combine=combine, bounds=bounds, items=items, notes=notes)
