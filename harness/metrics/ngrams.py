"""Counting n-grams exactly, in time and memory that do for a hundred thousand texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.metrics.base import Corpus

Ints = NDArray[np.int64]
Unit = Literal["tokens", "words"]
"""What an n-gram is made of: the model's own tokens, or words between white space."""

UNIT_NAMES = {"tokens": "model-tokens", "words": "words"}  # as signatures spell them

_CHUNK = 2**20  # items in memory at once where texts are counted one by one
_MOST = 2**63  # keys are below it


def told(corpus: Corpus, unit: Unit) -> dict[str, object]:
    """The fields of a signature that say what was counted: the unit, whose tokens, how many a text may have."""
    whose = {"of": corpus.reader} if unit == "tokens" and corpus.reader else {}
    return {"unit": UNIT_NAMES[unit], **whose, "length": corpus.limit}


def units(corpus: Corpus, unit: Unit, asker: str = "an n-gram") -> Sequence[Sequence[Hashable]]:
    """The texts as what n-grams are made of; InputError, in the name of who asks, if there are no tokens."""
    return corpus.ids(asker) if unit == "tokens" else [text.split() for text in corpus.texts]


@dataclass(frozen=True)
class Coded:
    """Sequences as integers, one after another."""

    items: Ints  # [items] equal exactly where the items are; from 0 without gaps
    lengths: Ints  # [texts]
    kinds: int  # how many different items there are


def coded(sequences: Sequence[Sequence[Hashable]]) -> Coded:
    """The sequences as integers: the code of an item is its place among the different ones, as they first appear."""
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    codes: defaultdict[Hashable, int] = defaultdict(count().__next__)
    flat = map(codes.__getitem__, chain.from_iterable(sequences))
    return Coded(np.fromiter(flat, np.int64, count=int(lengths.sum())), lengths, len(codes))


@dataclass(frozen=True)
class Ngrams:
    """Every n-gram of one size of a corpus, in the order of the texts. None crosses from one text into the next."""

    size: int
    ids: Ints  # [n-grams] equal exactly where the n-grams are; from 0 without gaps
    totals: Ints  # [texts] how many of them each text has, one after another; a text shorter than n has none

    @property
    def distinct(self) -> int:
        """How many different n-grams there are."""
        return int(self.ids.max(initial=-1)) + 1

    def spread(self, values: NDArray[Any]) -> NDArray[Any]:
        """[texts] -> [n-grams]: what each n-gram has from its text."""
        return np.repeat(values, self.totals)


def ngrams(sequences: Sequence[Sequence[Hashable]], sizes: Sequence[int]) -> Iterator[Ngrams]:
    """The n-grams of each of `sizes`, smallest first, as integers: nothing is hashed twice, and n costs no memory."""
    texts = coded(sequences)
    left = np.repeat(np.cumsum(texts.lengths), texts.lengths) - np.arange(len(texts.items))  # items to the text's end
    starts, ids = np.arange(len(texts.items)), texts.items
    for size in range(1, max(sizes, default=0) + 1):
        if size > 1:
            kept = np.flatnonzero(left[starts] >= size)
            lone = (np.bincount(ids) == 1)[ids]
            lone = lone[kept] | lone[kept + 1]
            starts, ids = starts[kept], ids[kept]
            ids = _longer(ids, texts.items[starts + size - 1], texts.kinds, lone)
        if size in sizes:
            yield Ngrams(size, ids, _totals(texts.lengths, size))


def _longer(ids: Ints, items: Ints, kinds: int, lone: NDArray[np.bool_]) -> Ints:
    """The n-grams that are an (n-1)-gram and one more item, below `kinds`.

    Those that are `lone` hold an (n-1)-gram that stands nowhere else, so neither do they, and nothing is to be sorted.
    """
    shared = ~lone
    some = _dense(ids[shared] * kinds + items[shared])
    first = int(some.max(initial=-1)) + 1
    longer = np.empty_like(ids)
    longer[shared], longer[lone] = some, np.arange(first, first + int(lone.sum()))
    return longer


@dataclass(frozen=True)
class Counts:
    """How many n-grams of one size each text has."""

    size: int
    different: Ints  # [texts] within the text
    total: Ints  # [texts]; a text shorter than n has none

    @property
    def repeated(self) -> NDArray[np.float64]:
        """[texts] rep-n: the share of n-grams that the text has had before; NaN where it has none."""
        with np.errstate(invalid="ignore"):
            return np.asarray(1.0 - self.different / self.total)

    @property
    def summands(self) -> NDArray[np.float64]:
        """[texts, 2] n-grams that the text has had before, and all it has: their sums' ratio is the pooled rep-n."""
        return np.stack([self.total - self.different, self.total], axis=1).astype(np.float64)


def counts(sequences: Sequence[Sequence[Hashable]], sizes: Sequence[int]) -> list[Counts]:
    """The n-grams of each text by itself, for each of `sizes`, smallest first.

    Texts of one length are the rows of a matrix that is sorted row by row: all in all half the time of sets.
    """
    texts = coded(sequences)
    starts = np.cumsum(texts.lengths) - texts.lengths
    different = {size: np.zeros(len(sequences), dtype=np.int64) for size in sorted(set(sizes))}
    for length in np.unique(texts.lengths).tolist():
        same = np.flatnonzero(texts.lengths == length)
        step = max(1, _CHUNK // max(1, length))
        for some in (same[i : i + step] for i in range(0, len(same), step)):
            rows = texts.items[starts[some][:, None] + np.arange(length)]
            for size, found in _different(rows, texts.kinds, [size for size in different if size <= length]):
                different[size][some] = found
    return [Counts(size, found, _totals(texts.lengths, size)) for size, found in different.items()]


def _different(rows: Ints, kinds: int, sizes: Sequence[int]) -> Iterator[tuple[int, Ints]]:
    """For each of `sizes` the number of different n-grams in each row; an item is below `kinds`."""
    keys, bound = rows, kinds
    for size in range(1, max(sizes, default=0) + 1):
        if size > 1:
            if bound * kinds > _MOST:
                keys = _dense(keys.ravel()).reshape(keys.shape)
                bound = int(keys.max()) + 1
            keys, bound = keys[:, :-1] * kinds + rows[:, size - 1 :], bound * kinds
        if size in sizes:
            ranked = np.sort(keys, axis=1)
            yield size, 1 + np.sum(ranked[:, 1:] != ranked[:, :-1], axis=1)


def _dense(keys: Ints) -> Ints:
    """Each key's place among the different keys; as np.unique's inverse, but several times faster."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    ids = np.empty_like(keys)
    ids[order] = np.cumsum(np.concatenate([[False], ranked[1:] != ranked[:-1]])[: len(keys)])
    return ids


def _totals(lengths: Ints, size: int) -> Ints:
    return np.maximum(0, lengths - size + 1)
