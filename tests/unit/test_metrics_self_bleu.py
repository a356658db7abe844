from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from sacrebleu.metrics import BLEU
from tokenizers import Tokenizer

from harness.errors import InputError
from harness.jackknife import groups
from harness.metrics.base import Corpus, Score, Tools
from harness.metrics.bleu import Style
from harness.metrics.self_bleu import SelfBleu
from harness.signature import comparable, differing, parse
from tests.corpora import SEQUENCES, corpus, golden, shuffled

TOOLS = Tools(references=None)
SIZES = (1, 2, 3, 4, 5)
STYLES: tuple[Style, ...] = ("nltk-method1", "sacrebleu-exp", "sacrebleu-floor")


def others(sequences: Sequence[Sequence[object]], i: int) -> list[Sequence[object]]:
    return [*sequences[:i], *sequences[i + 1 :]]


def quadratic(sequences: Sequence[Sequence[object]], size: int, style: Style) -> list[float]:
    """Each text's BLEU against all the others, by the libraries themselves."""
    if style == "nltk-method1":
        smoothing, weights = SmoothingFunction().method1, (1 / size,) * size
        return [
            float(sentence_bleu(others(sequences, i), text, weights, smoothing)) for i, text in enumerate(sequences)
        ]
    library = BLEU(
        tokenize="none", effective_order=True, max_ngram_order=size, smooth_method=style.removeprefix("sacrebleu-")
    )
    lines = [" ".join(map(str, text)) for text in sequences]
    return [library.sentence_score(line, others(lines, i)).score / 100 for i, line in enumerate(lines)]


def with_prompts(sequences: list[list[int]], prompts: Sequence[object]) -> Corpus:
    return replace(corpus(sequences), prompt_ids=[f"q{name}" for name in prompts])


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=60)
@given(sequences=SEQUENCES.filter(lambda texts: len(texts) > 1))
def test_every_text_has_the_librarys_value_against_all_the_others(style: Style, sequences: list[list[int]]) -> None:
    for score, size in zip(SelfBleu(sizes=SIZES, style=style)(corpus(sequences), TOOLS), SIZES, strict=True):
        expected = quadratic(sequences, size, style)
        assert score.items is not None
        np.testing.assert_allclose(score.items, expected, rtol=0, atol=1e-12)
        assert score.value == pytest.approx(np.mean(expected), abs=1e-12)


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=40)
@given(data=st.data(), sequences=SEQUENCES)
def test_without_a_group_it_is_the_librarys_value_of_what_is_left(
    style: Style, data: st.DataObject, sequences: list[list[int]]
) -> None:
    prompts = data.draw(st.lists(st.integers(0, 3), min_size=len(sequences), max_size=len(sequences)))
    together = with_prompts(sequences, prompts)
    group = groups(together.prompt_ids)
    for score in SelfBleu(sizes=(1, 3), style=style)(together, TOOLS):
        assert score.left_out is not None
        assert score.left_out.shape == (group.max() + 1,)
        for g, value in enumerate(score.left_out):
            left = [text for text, its in zip(sequences, group, strict=True) if its != g]
            expected = quadratic(left, int(score.name[-1]), style) if len(left) > 1 else [np.nan]
            assert value == pytest.approx(np.mean(expected), abs=1e-12, nan_ok=True)


def test_random_texts_of_unequal_lengths_with_many_counts_agree_with_nltk() -> None:
    random = np.random.default_rng(0)
    sequences = [(random.zipf(1.5, size=length) % 30).tolist() for length in random.integers(0, 60, size=40)]
    together = with_prompts(sequences, random.integers(0, 30, size=40).tolist())
    group = groups(together.prompt_ids)
    (score,) = SelfBleu(sizes=(4,))(together, TOOLS)
    assert score.items is not None
    assert score.left_out is not None
    np.testing.assert_allclose(score.items, quadratic(sequences, 4, "nltk-method1"), rtol=0, atol=1e-12)
    for g in (0, 7, 19):
        left = [text for text, its in zip(sequences, group, strict=True) if its != g]
        assert score.left_out[g] == pytest.approx(np.mean(quadratic(left, 4, "nltk-method1")), abs=1e-12)


def first60(name: str) -> tuple[dict[str, dict[str, list[float]]], list[str]]:
    column = "reference" if name == "reference" else "generation"
    lines = golden("contrastive/book_gpt2-xl_contrastive_k6_a0.6.jsonl").read_text(encoding="utf-8").splitlines()
    values = json.loads(golden("contrastive/book.third-party-metrics.json").read_text())[f"book_{name}"]
    return values, [json.loads(line)[column] for line in lines[:60]]


@pytest.mark.parametrize("name", ["gpt2-xl_contrastive_k6_a0.6", "reference"])
def test_published_texts_have_nltks_value_in_words_and_in_tokens(name: str) -> None:
    values, texts = first60(name)
    tokenizer = Tokenizer.from_file(str(golden("gpt2-tokenizer/tokenizer.json")))
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    given_texts = corpus(ids, texts=texts)
    key = "self_bleu_first60 1..5 (method1, all 60 hyps vs other 59)"
    for unit, column in (("words", "words"), ("tokens", "gpt2_ids")):
        scores = SelfBleu(sizes=SIZES, unit=unit)(given_texts, TOOLS)  # type: ignore[arg-type]
        np.testing.assert_allclose([score.value for score in scores], values[column][key], rtol=0, atol=1e-9)


@given(SEQUENCES, st.randoms())
def test_the_order_of_the_texts_does_not_matter(sequences: list[list[int]], random: object) -> None:
    for a, b in zip(SelfBleu()(corpus(sequences), TOOLS), SelfBleu()(shuffled(sequences, random), TOOLS), strict=True):
        assert a.value == pytest.approx(b.value, abs=1e-12, nan_ok=True)


@given(SEQUENCES)
def test_texts_that_all_have_a_copy_have_1_but_for_those_too_short(sequences: list[list[int]]) -> None:
    for score, size in zip(SelfBleu(sizes=SIZES)(corpus(sequences * 2), TOOLS), SIZES, strict=True):
        exact = [0.1 ** (max(0, size - len(text)) / size) if text else 0.0 for text in sequences]
        assert score.value == pytest.approx(np.mean(exact), abs=1e-12)
    for score in SelfBleu(sizes=SIZES, style="sacrebleu-exp")(corpus(sequences * 2), TOOLS):
        assert score.value == pytest.approx(np.mean([bool(text) for text in sequences]), abs=1e-12)


@pytest.mark.parametrize("sequences", [[], [[1, 2, 3, 4, 5]]])
def test_no_text_and_one_text_alone_have_no_value(sequences: list[list[int]]) -> None:
    for score in SelfBleu()(corpus(sequences), TOOLS):
        assert np.isnan(score.value)
        assert score.left_out is not None
        assert np.isnan(score.left_out).all()


def test_samples_of_one_prompt_are_references_of_each_other() -> None:
    text = [1, 2, 3, 4, 5]
    apart, same = with_prompts([text, text], [0, 1]), with_prompts([text, text], [0, 0])
    assert SelfBleu(sizes=(4,))(apart, TOOLS)[0].value == SelfBleu(sizes=(4,))(same, TOOLS)[0].value == 1.0
    assert np.isnan(SelfBleu(sizes=(4,))(same, TOOLS)[0].left_out).all()  # type: ignore[arg-type]  # nothing is left


def test_some_hypotheses_are_scored_against_all_texts_and_are_of_the_same_prompts_in_any_order() -> None:
    random = np.random.default_rng(1)
    sequences = random.integers(0, 5, size=(30, 12)).tolist()
    whole = SelfBleu(sizes=(3,))(with_prompts(sequences, range(30)), TOOLS)[0]
    some = SelfBleu(sizes=(3,), hypotheses=10)(with_prompts(sequences, range(30)), TOOLS)[0]
    assert whole.items is not None
    assert some.items is not None
    scored = ~np.isnan(some.items)
    assert scored.sum() == 10
    np.testing.assert_array_equal(some.items[scored], whole.items[scored])
    assert some.value == pytest.approx(whole.items[scored].mean())
    back = SelfBleu(sizes=(3,), hypotheses=10)(with_prompts(sequences[::-1], range(29, -1, -1)), TOOLS)[0]
    np.testing.assert_array_equal(~np.isnan(back.items), scored[::-1])  # type: ignore[arg-type]
    assert differing(some.signature, whole.signature) == {"hypotheses": ("10", "all")}


def test_the_signature_holds_what_moves_the_number() -> None:
    def scored(sequences: list[list[int]], **knobs: object) -> Score:
        return SelfBleu(sizes=(2,), **knobs)(corpus(sequences), TOOLS)[0]  # type: ignore[arg-type]

    base = scored([[1, 2, 3]] * 4)
    assert parse(base.signature)["bleu"] == "nltk-method1"
    assert differing(base.signature, scored([[1, 2, 3]] * 3).signature) == {"texts": ("4", "3")}
    assert differing(base.signature, scored([[1, 2]] * 4).signature) == {"length": ("3", "2")}
    assert not comparable(base.signature, scored([[1, 2, 3]] * 4, style="sacrebleu-floor").signature)


def test_texts_without_tokens_are_refused_by_name_and_short_ones_are_noted() -> None:
    with pytest.raises(InputError, match=r"metrics\.self_bleu counts model tokens"):
        SelfBleu()(replace(corpus([[1], [2]]), tokens=None), TOOLS)
    assert SelfBleu(sizes=(3,))(corpus([[1, 2, 3], [1]]), TOOLS)[0].notes == (
        "1 of 2 texts are too short for n = 3: such an n has precision 0.1",
    )
    assert SelfBleu(sizes=(1,))(corpus([[1, 2, 3], [1]]), TOOLS)[0].notes == ()


def test_very_long_and_repeating_texts_and_any_characters() -> None:
    sequences = [[7] * 100_000, [7] * 50_000, [7, 8] * 10, []]
    score = SelfBleu(sizes=(1,))(corpus(sequences), TOOLS)[0]
    assert score.items is not None
    # 50,000 of 100,000 sevens; all 50,000; 10 sevens and no eight, longer than the closest, which is empty; nothing
    np.testing.assert_allclose(score.items, [0.5, 1.0, 0.5, 0.0])
    words = corpus([[]] * 3, texts=["né 日本 🙂", "🙂 日本 né", "日本\u3000né"])
    (score,) = SelfBleu(sizes=(2,), unit="words")(words, TOOLS)
    assert score.items is not None
    expected = quadratic([text.split() for text in words.texts], 2, "nltk-method1")
    np.testing.assert_allclose(score.items, expected, rtol=0, atol=1e-12)


def test_the_time_is_linear_in_the_corpus() -> None:
    random = np.random.default_rng(2)
    sequences = (random.zipf(1.2, size=(2000, 128)) % 5000).tolist()
    began = time.perf_counter()
    SelfBleu()(corpus(sequences), TOOLS)
    assert time.perf_counter() - began < 20  # about 0.3 s; nltk takes 1.2 s for one text of these, 40 minutes for all
