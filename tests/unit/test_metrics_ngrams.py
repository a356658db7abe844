from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.util import ngrams as nltk_ngrams

from harness.metrics import ngrams as module
from harness.metrics.ngrams import coded, counts, ngrams
from tests.corpora import SEQUENCES

SIZES = (1, 2, 3, 5)


@given(SEQUENCES, st.sampled_from([1, 5, 2**20]), st.sampled_from([8, 2**63]))
def test_what_each_text_has_is_what_sets_count(sequences: list[list[int]], chunk: int, most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK", chunk)
        patch.setattr(module, "_MOST", most)  # at 8 keys are made small again at every size
        found = counts(sequences, SIZES)
    for each, n in zip(found, SIZES, strict=True):
        assert each.size == n
        assert each.different.tolist() == [len(set(nltk_ngrams(tokens, n))) for tokens in sequences]
        assert each.total.tolist() == [len(list(nltk_ngrams(tokens, n))) for tokens in sequences]


def test_long_n_grams_of_many_kinds_do_not_overflow() -> None:
    # 256 kinds: in 64 bits the ninth item pushes the first one out, and these differ in their first two items alone
    text = [item for i in range(600) for item in (i % 256, i // 256, *[255] * 20)]
    sizes = range(1, 26)
    for each, grams in zip(counts([text, text[:50]], sizes), ngrams([text], sizes), strict=True):
        expected = [len(set(nltk_ngrams(tokens, each.size))) for tokens in (text, text[:50])]
        assert each.different.tolist() == expected
        assert grams.distinct == expected[0]


@given(SEQUENCES)
def test_ids_are_equal_exactly_where_the_n_grams_are(sequences: list[list[int]]) -> None:
    for grams, n in zip(ngrams(sequences, SIZES), SIZES, strict=True):
        expected = [gram for tokens in sequences for gram in nltk_ngrams(tokens, n)]
        assert grams.size == n
        assert len(set(zip(expected, grams.ids.tolist(), strict=True))) == len(set(expected)) == grams.distinct
        assert set(grams.ids.tolist()) == set(range(grams.distinct))
        owners = [i for i, tokens in enumerate(sequences) for _ in nltk_ngrams(tokens, n)]
        assert grams.spread(np.arange(len(sequences))).tolist() == owners


@given(st.lists(st.lists(st.text(max_size=2), max_size=5), max_size=5))
def test_anything_that_can_be_hashed_is_coded(sequences: list[list[str]]) -> None:
    flat = [item for sequence in sequences for item in sequence]
    found = coded(sequences)
    assert found.lengths.tolist() == [len(sequence) for sequence in sequences]
    assert found.kinds == len(set(flat))
    names = list(dict.fromkeys(flat))
    assert [names[code] for code in found.items] == flat
