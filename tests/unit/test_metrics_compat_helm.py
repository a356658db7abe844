from __future__ import annotations

import sys

import numpy as np
import pytest
import sacrebleu

from harness.errors import InputError
from harness.metrics.compat import helm

A, B, C = "the cat sat on the mat.", "the cat is on the mat.", "a dog barked at the cat."


def test_it_is_sacrebleus_among_the_texts_of_a_prompt() -> None:
    def bleu(text: str, others: list[str]) -> float:
        return float(sacrebleu.sentence_bleu(text, others, use_effective_order=True).score)

    first = (bleu(A, [B, C]) + bleu(B, [A, C]) + bleu(C, [A, B])) / 3
    second = (bleu(A, [C]) + bleu(C, [A])) / 2
    given = helm.self_bleu([A, A, B, C, C], ["1", "2", "1", "2", "1"])
    assert given == pytest.approx((first + second) / 2)
    assert 0 < given < 100


def test_equal_texts_have_a_hundred_and_a_text_alone_zero() -> None:
    assert helm.self_bleu([A, A], ["1", "1"]) == pytest.approx(100)
    assert helm.self_bleu([A, A], ["1", "2"]) == 0.0
    assert helm.self_bleu([A, A, B], ["1", "1", "2"]) == pytest.approx(50)  # a prompt without a pair counts
    assert helm.self_bleu([A, " \n"], ["1", "1"]) == 0.0  # text without words is dropped
    assert helm.self_bleu([""], ["1"]) == 0.0
    assert np.isnan(helm.self_bleu([], []))


def test_without_sacrebleu_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    with pytest.raises(InputError, match=r"decoding-harness\[bleu\]"):
        helm.self_bleu([A, B], ["1", "1"])
