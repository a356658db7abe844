from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import harness
from harness.errors import InputError
from harness.metrics.base import Corpus, Tools
from harness.metrics.kept import Kept
from tests.corpora import corpus

TOOLS = Tools(references=None)
STEPS = st.lists(st.lists(st.tuples(st.floats(0.01, 1), st.integers(1, 5000)), max_size=6), min_size=1, max_size=6)


def kept(texts: list[list[tuple[float, int]]]) -> Corpus:
    columns = {
        "kept_mass": [np.array([mass for mass, _ in text]) for text in texts],
        "kept": [np.array([float(count) for _, count in text]) for text in texts],
    }
    return replace(corpus([[0] * len(text) for text in texts]), values=columns)


@given(STEPS)
def test_the_mean_mass_and_the_geometric_mean_of_the_counts(texts: list[list[tuple[float, int]]]) -> None:
    mass, count = Kept()(kept(texts), TOOLS)
    steps = [step for text in texts for step in text]
    assert (mass.name, count.name) == ("kept-mass", "kept-tokens")
    if not steps:
        assert np.isnan([mass.value, count.value]).all()
        return
    assert mass.value == pytest.approx(math.fsum(m for m, _ in steps) / len(steps))
    assert count.value == pytest.approx(math.prod(c for _, c in steps) ** (1 / len(steps)))
    for a, b in zip((mass, count), Kept()(kept([*texts, *texts]), TOOLS), strict=True):
        assert a.value == pytest.approx(b.value)


def test_what_strategies_keep() -> None:
    model = harness.load_model("pocket-s")
    prompts = harness.load_prompts(limit=6)
    names = ["greedy", "sample", "top_p", "top_k", "beam", "beam_sample"]
    frame = harness.decode(model, prompts, names, max_new_tokens=12)
    scores = harness.score(frame, harness.references(model, prompts, 12), "kept").set_index(["strategy", "score"])
    values = scores["value"]
    assert set(scores.index.get_level_values(0)) == {"greedy", "sample", "top_p", "top_k"}  # no search, no reference
    assert values["greedy", "kept-tokens"] == 1
    greedy = np.concatenate(list(frame[frame["strategy"] == "greedy"]["logprob"])).astype(np.float64)
    assert values["greedy", "kept-mass"] == pytest.approx(np.exp(greedy).mean(), rel=1e-6)
    assert values["sample", "kept-mass"] == 1
    assert values["sample", "kept-tokens"] == pytest.approx(model.vocab)
    assert values["top_k", "kept-tokens"] == pytest.approx(50)
    top_p = np.concatenate(list(frame[frame["strategy"] == "top_p"]["kept_mass"]))
    assert (top_p >= np.float32(0.9)).all()  # at least p
    assert 0.9 < values["top_p", "kept-mass"] < 1
    assert top_p.mean() == pytest.approx(values["top_p", "kept-mass"], rel=1e-6)


def test_of_texts_from_elsewhere_nothing_is_known() -> None:
    with pytest.raises(InputError, match=r"metrics\.kept needs the kept_mass of every token"):
        Kept()(Corpus(["p"], [""], ["a"], ["unknown"]), TOOLS)
    assert Kept()(Corpus(["p"], [""], ["a"], ["reference"]), TOOLS) == []
