"""Counting n-grams exactly, in time and memory that do for a hundred thousand texts."""

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


def units(corpus: Corpus, unit: Unit, asker: str = "an n-gram") -> Sequence[Sequence[Hashable]]:
    """The texts as what n-grams are made of; InputError, in the name of who asks, if there are no tokens."""
    return corpus.ids(asker) if unit == "tokens" else [text.split() for text in corpus.texts]


def per_text(sequences: Sequence[Sequence[Hashable]], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """([texts] different n-grams within each text, [texts] n-grams of each text). A text shorter than n has none."""
    windows = ([sequence[i:] for i in range(size)] for sequence in sequences)
    different = [len(set(zip(*window, strict=False))) for window in windows]
    total = [max(0, len(sequence) - size + 1) for sequence in sequences]
    return np.array(different, dtype=np.int64), np.array(total, dtype=np.int64)


@dataclass(frozen=True)
class Ngrams:
    """Every n-gram of one size of a corpus, in the order of the texts. None crosses from one text into the next."""

    size: int
    ids: NDArray[np.int64]  # [n-grams] equal exactly where the n-grams are; from 0 without gaps

    @property
    def distinct(self) -> int:
        """How many different n-grams there are."""
        return int(self.ids.max(initial=-1)) + 1


def ngrams(sequences: Sequence[Sequence[Hashable]], sizes: Sequence[int]) -> Iterator[Ngrams]:
    """The n-grams of each of `sizes`, smallest first, as integers: nothing is hashed, and n does not cost memory."""
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    codes: dict[Hashable, int] = {}
    flat = (codes.setdefault(item, len(codes)) for sequence in sequences for item in sequence)
    items = np.fromiter(flat, np.int64, count=int(lengths.sum()))
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(items))  # items from here to the end of the text
    starts, ids = np.arange(len(items)), items
    for size in range(1, max(sizes, default=0) + 1):
        if size > 1:  # an n-gram is the (n-1)-gram that begins where it does, and its last item
            inside = left[starts] >= size
            starts, ids = starts[inside], ids[inside]
            ids = _dense(ids * len(codes) + items[starts + size - 1])
        if size in sizes:
            yield Ngrams(size, ids)


def _dense(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each key's place among the different keys; as np.unique's inverse, but several times faster."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    ids = np.empty_like(keys)
    ids[order] = np.cumsum(np.concatenate([[False], ranked[1:] != ranked[:-1]])[: len(keys)])
    return ids
