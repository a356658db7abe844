from __future__ import annotations

import gzip
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.jackknife import groups
from harness.metrics.base import Tools
from harness.metrics.compression import Compression
from harness.signature import differing, parse
from tests.corpora import corpus

TOOLS = Tools(references=None)
TEXTS = st.lists(st.text(st.sampled_from("ab né日🙂\n"), max_size=30), min_size=1, max_size=6)


def by_gzip(texts: list[str]) -> float:
    joined = "\n".join(sorted(texts)).encode()
    return len(joined) / len(gzip.compress(joined, 9, mtime=0)) if any(texts) else float("nan")


def value(texts: list[str]) -> float:
    return Compression()(corpus([[]] * len(texts), texts=texts), TOOLS)[0].value


@given(TEXTS)
def test_it_is_what_gzip_makes_of_the_sorted_texts(texts: list[str]) -> None:
    assert value(texts) == pytest.approx(by_gzip(texts), nan_ok=True)


@given(TEXTS, st.data())
def test_without_a_group_it_is_the_value_of_what_is_left(texts: list[str], data: st.DataObject) -> None:
    prompts = data.draw(st.lists(st.sampled_from("abcd"), min_size=len(texts), max_size=len(texts)))
    group = groups(prompts)
    (score,) = Compression()(replace(corpus([[]] * len(texts), texts=texts), prompt_ids=prompts), TOOLS)
    expected = [
        by_gzip([text for text, its in zip(texts, group, strict=True) if its != g]) for g in range(max(group) + 1)
    ]
    np.testing.assert_allclose(score.left_out, expected)  # type: ignore[arg-type]


@given(TEXTS, st.randoms())
def test_the_order_of_the_texts_does_not_matter(texts: list[str], random: object) -> None:
    assert value(random.sample(texts, len(texts))) == pytest.approx(value(texts), nan_ok=True)  # type: ignore[attr-defined]


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=300, max_size=500), min_size=1, max_size=4))
def test_a_copy_of_the_corpus_nearly_doubles_it(texts: list[str]) -> None:
    assert 1.6 * value(texts) < value(texts * 2) <= 2.01 * value(texts)


def test_far_repeats_are_found_only_once_they_are_neighbours() -> None:
    random = np.random.default_rng(0)
    texts = ["".join(map(chr, random.integers(33, 127, size=1000))) for _ in range(100)]  # 100 kB, the window is 32
    unsorted = "\n".join(texts * 2).encode()
    assert len(unsorted) / len(zlib.compress(unsorted, 9)) < 1.3
    assert value(texts * 2) > 2.3


@pytest.mark.parametrize("texts", [[], [""], ["", "", ""]])
def test_a_corpus_without_a_character_has_no_value(texts: list[str]) -> None:
    assert np.isnan(value(texts))


def test_extreme_texts() -> None:
    assert value(["a"]) == pytest.approx(1 / (18 + 3))  # gzip's header and trailer, and one letter in deflate
    assert value(["ab" * 500_000]) > 900
    assert value(["\ud800"]) == pytest.approx(3 / (18 + 5))  # half a character has bytes too


def test_the_signature_holds_what_moves_the_number() -> None:
    (base,) = Compression()(corpus([[1, 2, 3]] * 4), TOOLS)
    (fewer,) = Compression()(corpus([[1, 2]] * 3), TOOLS)
    assert differing(base.signature, fewer.signature) == {"texts": ("4", "3"), "length": ("3", "2")}
    assert parse(base.signature)["zlib"] == zlib.ZLIB_RUNTIME_VERSION
    (bare,) = Compression()(replace(corpus([[1, 2, 3]] * 4), tokens=None, limit=None), TOOLS)
    assert parse(bare.signature)["length"] == "none"
    assert bare.value == base.value
