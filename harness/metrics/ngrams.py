"""The n-grams of a corpus as integers: counted exactly, without hashing, in time linear in the corpus but for sorts."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.metrics.base import Corpus

Unit = Literal["tokens", "words"]
"""What an n-gram is made of: the model's own tokens, or words between white space."""

UNIT_NAMES = {"tokens": "model-tokens", "words": "words"}  # as signatures spell them


@dataclass(frozen=True)
class Ngrams:
    """Every n-gram of one size, in the order of the texts. None crosses from one text into the next."""

    size: int
    ids: NDArray[np.int64]  # [n-grams] equal exactly where the n-grams are; dense from 0
    owners: NDArray[np.int64]  # [n-grams] index of the text

    @property
    def distinct(self) -> int:
        """How many different n-grams the corpus has."""
        return int(self.ids.max(initial=-1)) + 1

    def per_text(self, texts: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """([texts] different n-grams within each text, [texts] n-grams of each text)."""
        pairs = np.unique(self.owners * self.distinct + self.ids)
        different = np.bincount(pairs // max(self.distinct, 1), minlength=texts)
        return different, np.bincount(self.owners, minlength=texts)


def units(corpus: Corpus, unit: Unit) -> Sequence[Sequence[Hashable]]:
    """The texts as sequences of what n-grams are made of."""
    return corpus.tokens if unit == "tokens" else [text.split() for text in corpus.texts]


def ngrams(sequences: Sequence[Sequence[Hashable]], sizes: Sequence[int]) -> Iterator[Ngrams]:
    """The n-grams of each of `sizes`, smallest first. A text shorter than n has none of that size."""
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    codes: dict[Hashable, int] = {}
    flat = (codes.setdefault(item, len(codes)) for sequence in sequences for item in sequence)
    items = np.fromiter(flat, np.int64, count=int(lengths.sum()))
    owners = np.repeat(np.arange(len(lengths)), lengths)
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(items))  # items from here to the end of the text
    starts, ids = np.arange(len(items)), items
    for size in range(1, max(sizes, default=0) + 1):
        if size > 1:  # an n-gram is the (n-1)-gram that begins where it does, and its last item
            inside = left[starts] >= size
            starts, ids = starts[inside], ids[inside]
            ids = np.unique(ids * len(codes) + items[starts + size - 1], return_inverse=True)[1]
        if size in sizes:
            yield Ngrams(size, ids, owners[starts])
