from __future__ import annotations

import gzip
from math import log
from pathlib import Path

import numpy as np
import pytest

from harness.metrics.compat import cshaib

TEXTS = ["one fish two fish", "red fish blue fish", "two fish é 潢"]


@pytest.mark.parametrize("texts", [TEXTS, TEXTS * 200, [""], []])
def test_the_ratio_is_that_of_files(texts: list[str], tmp_path: Path) -> None:
    plain, packed = tmp_path / "original.txt", tmp_path / "compressed.gz"
    plain.write_text(" ".join(texts), encoding="utf-8")
    with gzip.GzipFile(packed, "wb", mtime=0) as file:  # the time of the run would move it by a few bytes
        file.write(gzip.compress(plain.read_bytes(), mtime=0))
    assert cshaib.compression_ratio(texts) == round(plain.stat().st_size / packed.stat().st_size, 3)


def test_very_repetitive_text_is_squeezed_twice() -> None:
    text = "again " * 100_000
    once = len(text) / len(gzip.compress(text.encode()))
    assert cshaib.compression_ratio([text]) > 2 * once


def test_n_grams_cross_texts() -> None:
    # a b a b a: 2/5 words, 2/4 pairs (ab ba), 2/3 triples, 2/2 fours.
    assert cshaib.ngram_diversity(["a b", "a b a"]) == round(2 / 5 + 2 / 4 + 2 / 3 + 1, 3)


def test_words_are_what_stands_between_single_blanks() -> None:
    # "a", "", "b\nc", "a": three kinds of four words, and no n-gram twice.
    assert cshaib.ngram_diversity(["a  b\nc a"]) == 3.75
    assert np.isnan(cshaib.ngram_diversity(["a b c"]))
    assert np.isnan(cshaib.ngram_diversity([]))


def test_self_repetition_counts_the_other_texts_that_have_an_n_gram() -> None:
    # abcd is in texts 0 and 1, bcde in 1 and 2: sums 1, 2, 1, and 0 for the text without four words.
    texts = ["a b c d", "a b c d e", "b c d e", "a"]
    assert cshaib.self_repetition(texts) == pytest.approx((log(2) + log(3) + log(2)) / 4)
    assert cshaib.self_repetition(["a b c d a b c d"]) == 0.0  # within one text nothing counts
    assert np.isnan(cshaib.self_repetition([]))


def test_self_repetition_does_not_depend_on_the_order_but_grows_with_copies() -> None:
    assert cshaib.self_repetition(TEXTS[::-1]) == pytest.approx(cshaib.self_repetition(TEXTS))
    assert cshaib.self_repetition(TEXTS * 2) > cshaib.self_repetition(TEXTS)
