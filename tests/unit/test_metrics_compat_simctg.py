from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.util import ngrams

from harness.metrics.base import Tools
from harness.metrics.coherence import Coherence
from harness.metrics.compat import simctg
from harness.signature import parse
from tests.corpora import corpus


def reps(texts: list[str]) -> list[float]:
    return [simctg.rep(found) for found in simctg.counts(texts)]


def diversity(texts: list[str]) -> float:
    return simctg.diversity(simctg.counts(texts))


def test_the_last_n_gram_of_every_text_is_lost() -> None:
    (pairs,) = simctg.counts(["a b a b", "a b"], (2,))
    assert pairs.different.tolist() == [2, 0]  # ab, ba; the third bigram, ab again, is not seen
    assert pairs.total.tolist() == [2, 0]
    (fours,) = simctg.counts(["a b c d"], (4,))
    assert fours.total.tolist() == [0]


def test_counts_are_pooled_over_texts_before_they_are_divided() -> None:
    # Bigrams but the last: aa aa aa (1 of 3) and ab bc (2 of 2). Pooled 1 - 3/5 = 40%; the mean over texts is 33.33%.
    assert reps(["a a a a a", "a b c d"])[0] == 40.0


def test_rep_n_is_rounded_to_two_places_before_the_product() -> None:
    # "a a a b b b b": without the last word aa aa ab bb bb, aaa aab abb bbb, aaab aabb abbb.
    text = "a a a b b b b"
    assert reps([text]) == [40.0, 0.0, 0.0]
    # Without the last word "x" six times: 1 of 5, 1 of 4, 1 of 3; the last is 66.666…%, which counts as 66.67%.
    text = " ".join("xxxxxxx")
    assert reps([text]) == [80.0, 75.0, 66.67]
    assert diversity([text]) == pytest.approx(0.2 * 0.25 * 0.3333, abs=1e-15)
    assert diversity([text]) != pytest.approx(0.2 * 0.25 / 3, abs=1e-7)


@given(st.lists(st.text(st.sampled_from("ab \n\té潢"), max_size=40), max_size=5), st.integers(1, 5))
def test_counts_are_those_of_all_n_grams_but_the_last(texts: list[str], size: int) -> None:
    (found,) = simctg.counts(texts, (size,))
    grams = [list(ngrams(text.split(), size))[:-1] for text in texts]
    assert found.total.tolist() == [len(each) for each in grams]
    assert found.different.tolist() == [len(set(each)) for each in grams]


@given(st.lists(st.text(st.sampled_from("ab "), min_size=12, max_size=40), min_size=1, max_size=5), st.randoms())
def test_doubling_the_corpus_and_another_order_move_nothing(texts: list[str], random: object) -> None:
    same = diversity(texts)
    assert diversity(texts * 2) == pytest.approx(same, nan_ok=True)
    assert diversity(random.sample(texts, len(texts))) == pytest.approx(same, nan_ok=True)  # type: ignore[attr-defined]


def test_nothing_to_count_is_no_number() -> None:
    assert np.isnan(reps([])).all()
    assert np.isnan(reps(["", "a", "a b"])).all()
    assert np.isnan(diversity(["a b c d"]))  # no 4-gram is left
    assert np.isnan(simctg.length([]))


def test_length_is_in_words() -> None:
    assert simctg.length([" a\nb  c ", "", "d"]) == pytest.approx(4 / 3)


def test_coherence_leaves_out_texts_without_words() -> None:
    logprobs = [np.array([-1.0, -3.0]), np.array([-9.0]), np.array([-4.0]), np.empty(0)]
    texts = corpus(texts=["a b", " \n", "c", ""], logprobs=logprobs)
    (ours,) = Coherence()(texts, Tools(None))
    assert ours.value == -5.0  # (-2 - 9 - 4) / 3
    (score,) = Coherence(compat="simctg")(texts, Tools(None))
    assert score.value == -3.0  # (-2 - 4) / 2
    assert score.items is not None
    np.testing.assert_array_equal(score.items, [-2.0, np.nan, -4.0, np.nan])
    assert parse(score.signature)["compat"] == "simctg"
