"""The numbers of the package `diversity`: compression ratio, n-gram diversity, self-repetition.

Shaib et al. (2024), "Standardizing the measurement of text diversity: a tool and a comparative analysis of scores";
repository cshaib/diversity. Earlier versions differ: five sizes of n-grams, unrounded numbers, a self-repetition that
looks n-grams up as substrings.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from math import log

from harness.metrics.ngrams import ngrams

SIZES = (1, 2, 3, 4)


def compression_ratio(texts: Sequence[str]) -> float:
    """Size of the texts, joined by blanks, over their compressed size; rounded to three places.

    Ours compresses once, in another order. That code writes what gzip has compressed into a file that gzip compresses
    again: the second pass squeezes what the first leaves repeating in very repetitive text, and adds a header with the
    file's name. There the headers hold the time of the run, which moves the size by a few bytes, here the time 0; there
    the original size is in the encoding of the locale, here in UTF-8. The texts are in the order in which they come,
    which moves the number.
    """
    data = " ".join(texts).encode("utf-8", "surrogatepass")
    file = BytesIO()
    with gzip.GzipFile("compressed.gz", "wb", fileobj=file, mtime=0) as outer:
        outer.write(gzip.compress(data, mtime=0))
    return round(len(data) / len(file.getvalue()), 3)


def ngram_diversity(texts: Sequence[str]) -> float:
    r"""The sum over n = 1 to 4 of different n-grams / n-grams, above 0 and at most 4; rounded to three places.

    Ours is one number per n. That code joins all texts by blanks and splits at single blanks: n-grams cross from one
    text into the next, so the order of the texts matters; "\n" is part of a word; two blanks have the empty word
    between them. NaN for fewer than four words, where that code divides by zero.
    """
    words = " ".join(texts).split(" ")
    if len(words) < max(SIZES):
        return float("nan")
    return round(sum(grams.distinct / len(grams.ids) for grams in ngrams([words], SIZES)), 3)


def self_repetition(texts: Sequence[str], size: int = 4) -> float:
    """The mean over texts of log(1 + s); s sums, over a text's different n-grams, how many other texts have it.

    After Salkar et al. (2022), "Self-repetition in abstractive neural summarizers". Words between white space. We
    have no such metric: it grows with the number and the length of the texts, and without bound.
    """
    split = [text.split() for text in texts]
    sets = [set(zip(*(words[i:] for i in range(size)), strict=False)) for words in split]
    having = Counter(gram for grams in sets for gram in grams)
    return sum(log(1 + sum(having[gram] - 1 for gram in grams)) for grams in sets) / len(sets) if sets else float("nan")
