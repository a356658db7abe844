from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import harness
from harness.metrics.base import Scored, Tools
from harness.metrics.coherence import Coherence
from harness.metrics.perplexity import Perplexity
from harness.signature import parse
from tests.corpora import corpus

TOOLS = Tools(references=None)
LOGPROBS = st.lists(st.lists(st.floats(-20, 0), max_size=8), min_size=1, max_size=6)


@given(LOGPROBS, st.randoms(use_true_random=False))
def test_it_is_the_mean_over_texts_of_the_mean_log_probability(logprobs: list[list[float]], random: object) -> None:
    (score,) = Coherence()(corpus([[0] * len(v) for v in logprobs], logprobs=logprobs), TOOLS)
    means = np.array([sum(v) / len(v) if v else np.nan for v in logprobs])
    assert score.items is not None
    np.testing.assert_allclose(score.items, means)
    assert score.value == pytest.approx(np.nanmean(means) if any(logprobs) else np.nan, nan_ok=True)
    assert bool(score.notes) == (not all(logprobs))
    mixed = [*logprobs, *logprobs]  # twice the corpus in any order
    random.shuffle(mixed)  # type: ignore[attr-defined]
    (twice,) = Coherence()(corpus([[0] * len(v) for v in mixed], logprobs=mixed), TOOLS)
    assert twice.value == pytest.approx(score.value, nan_ok=True)


def test_texts_weigh_the_same_where_tokens_do_in_the_perplexity() -> None:
    texts = corpus([[0], [0, 0, 0]], logprobs=[[-3.0], [-1.0, -1.0, -1.0]])
    (score,) = Coherence()(texts, TOOLS)
    assert score.value == -2.0
    assert -np.log(Perplexity()(texts, TOOLS)[0].value) == pytest.approx(-1.5)


def test_another_scorer_has_its_name_in_the_score() -> None:
    tools = Tools(None, scorer=lambda name, corpus: Scored([np.array([-2.0, -4.0])], f"{name}@1"))
    (score,) = Coherence(scorer="gpt2")(corpus([[0]]), tools)
    assert (score.name, score.value) == ("coherence[gpt2]", -3.0)
    assert parse(score.signature)["scorer"] == "gpt2@1"


def test_it_rewards_degeneration() -> None:
    """Greedy search loops and has the highest coherence of all, far above the texts of people."""
    model = harness.load_model("pocket-s")
    prompts = harness.load_prompts(limit=24)
    found = harness.decode(model, prompts, ["greedy", "beam", "sample"], max_new_tokens=48)
    scores = harness.score(found, harness.references(model, prompts, 48), ["coherence", "repetition"])
    table: pd.DataFrame = harness.compare(scores)
    coherence, repetition = table["coherence"], table["rep-4"]
    assert min(coherence["greedy"], coherence["beam"]) > max(coherence["sample"], coherence["reference"]) + 0.5
    assert min(repetition["greedy"], repetition["beam"]) > max(repetition["sample"], repetition["reference"])
    human = abs(coherence - coherence["reference"]).drop("reference")
    assert human.idxmin() == "sample"
