"""The scores that others' code gave to 1,947 published continuations and their references, from our functions.

The texts, the published scores and what third-party code makes of them stand outside the repository: see
`tests.corpora.golden`.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest

from experiments.parity import parity
from harness.metrics.compat import degen, mauve_experiments, simctg
from harness.metrics.ngrams import ngrams
from tests.corpora import golden

NAME = "book_gpt2-xl_contrastive_k6_a0.6"
COLUMNS = {NAME: "generation", "book_reference": "reference"}
SIDES = sorted(COLUMNS)
UNITS = ["words", "gpt2_ids"]


@cache
def texts(side: str) -> list[str]:
    lines = golden(f"contrastive/{NAME}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)[COLUMNS[side]] for line in lines]


@cache
def sequences(side: str, unit: str) -> list[list[Any]]:
    if unit == "words":
        return [text.split() for text in texts(side)]
    tokenizer = pytest.importorskip("tokenizers").Tokenizer.from_file(str(golden("gpt2-tokenizer/tokenizer.json")))
    return [encoding.ids for encoding in tokenizer.encode_batch(texts(side))]


def third_party(side: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(golden("contrastive/book.third-party-metrics.json").read_text())[side]
    return found


def published() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(golden(f"contrastive/{NAME}.published.json").read_text())["published"]
    return found


def test_the_published_diversity_and_length() -> None:
    diversity, length = published()["diversity_dict"], published()["gen_length_dict"]
    assert (
        f"{100 * simctg.diversity(simctg.counts(texts(NAME))):.2f}"
        == diversity["prediction_diversity_list"][0]
        == "93.06"
    )
    assert (
        f"{100 * simctg.diversity(simctg.counts(texts('book_reference'))):.2f}" == diversity["reference_div"] == "94.68"
    )
    assert str(simctg.length(texts(NAME))) == length["gen_len_list"][0] == "190.34001027221368"


@pytest.mark.parametrize("side", SIDES)
def test_simctg(side: str) -> None:
    given = third_party(side)["simctg"]
    found = simctg.counts(texts(side))
    assert [simctg.rep(each) for each in found] == [given[f"seq_rep_{n}"] for n in (2, 3, 4)]
    assert simctg.diversity(found) == pytest.approx(given["diversity"], rel=0, abs=1e-9)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("side", SIDES)
class TestCounts:
    def test_texts_and_tokens(self, side: str, unit: str) -> None:
        given = third_party(side)[unit]
        assert len(sequences(side, unit)) == given["n_texts"]
        assert sum(map(len, sequences(side, unit))) == given["n_tokens"]

    def test_distinct_n_of_mauve_experiments(self, side: str, unit: str) -> None:
        found = [mauve_experiments.distinct(grams) for grams in ngrams(sequences(side, unit), (1, 2, 3, 4, 5))]
        assert found == pytest.approx(third_party(side)[unit]["distinct_n_mauve_experiments(1..5)"], rel=0, abs=1e-9)

    def test_hapaxes_of_degen(self, side: str, unit: str) -> None:
        found = [[degen.hapaxes(grams), len(grams.ids)] for grams in ngrams(sequences(side, unit), (1, 2, 3, 4))]
        assert found == third_party(side)[unit]["degen_distinct_n(hapax) [n_distinct,n_total] 1..4"]

    def test_zipf_of_both(self, side: str, unit: str) -> None:
        given = third_party(side)[unit]
        (grams,) = ngrams(sequences(side, unit), (1,))
        counts = np.bincount(grams.ids)
        assert list(degen.zipf(counts)) == pytest.approx(given["zipf_degen [-slope,-r]"], rel=0, abs=1e-9)
        assert mauve_experiments.zipf(counts) == pytest.approx(given["zipf_mauve_experiments slope"], rel=0, abs=1e-9)

    def test_loops_of_both(self, side: str, unit: str) -> None:
        given, of = third_party(side)[unit], sequences(side, unit)
        found = np.mean([degen.loops(tokens) for tokens in of])
        assert found == pytest.approx(given["repetition_fraction_degen(max_n=90)"], rel=0, abs=1e-9)
        found = np.mean([mauve_experiments.loops(tokens) for tokens in of])
        assert found == pytest.approx(given["repetition_fraction_mauve(max_n=500)"], rel=0, abs=1e-9)

    def test_self_bleu_of_nltk(self, side: str, unit: str) -> None:
        found = degen.self_bleu(sequences(side, unit)[:60], degen.BLEU_SIZES)
        given = third_party(side)[unit]["self_bleu_first60 1..5 (method1, all 60 hyps vs other 59)"]
        assert found == pytest.approx(given, rel=0, abs=1e-9)


@pytest.mark.slow
def test_the_experiment_reproduces_every_number_by_the_knob_of_the_metrics() -> None:
    folder = golden("contrastive").parent
    golden("gpt2-tokenizer")
    found = list(parity.rows(folder, parity.corpora(folder)))
    assert len(found) == 41
    assert max(row.off for row in found) <= 1e-9
