"""Places in the references, and what is said of all of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.loaders import load_model, load_prompts
from harness.models.base import LanguageModel
from harness.studies.temperature.contexts import Curves, Summary, contexts, next_logits, next_terms
from harness.studies.temperature.exact import exact
from harness.studies.temperature.laws import Shape, cold_fit, hot_fit
from harness.studies.temperature_limits import COLD, HOT


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return load_model("pocket-s")


def test_contexts_are_the_ends_of_prompts_and_places_in_references(model: LanguageModel) -> None:
    chosen = load_prompts("fables", limit=3)
    prompts = pd.DataFrame([{"prompt_id": p.id, "prompt": p.text} for p in chosen])
    rests = [model.continuation(p.reference or "")[:10] for p in chosen]
    known = pd.DataFrame([{"prompt_id": chosen[0].id, "tokens": rests[0]}, {"prompt_id": chosen[1].id, "tokens": []}])
    found = contexts(model, prompts, known, positions=4)
    assert found.prompt_ids == [*[chosen[0].id] * 4, chosen[1].id, chosen[2].id]
    assert found.places == [0, 2, 4, 6, 0, 0]
    for prompt_id, place, logits in zip(found.prompt_ids, found.places, found.logits, strict=True):
        (text,) = [p.text for p in chosen if p.id == prompt_id]
        alone, _ = model.prefill([[*model.encode(text), *rests[0][:place]]])
        assert logits == pytest.approx(alone.logits[0].double().numpy(), abs=1e-4)
    assert next_logits(model, chosen[1].text) == pytest.approx(found.logits[4], abs=1e-4)


def test_curves_are_those_of_each_row() -> None:
    rows, tau = [np.array([1.0, 0.5, -2.0]), np.array([3.0, 3.0])], np.array([0.0, 0.5, np.inf])
    curves = Curves.of(rows, tau)
    assert curves.entropy[1].tolist() == exact(rows[1], tau).entropy.tolist()
    assert curves.log_rest.shape == (2, 3)


def test_a_summary_is_of_the_worst_context() -> None:
    rng = np.random.default_rng(1)
    rows = [rng.normal(0, 3, size=300) for _ in range(30)]
    cold, hot = [cold_fit(row, COLD) for row in rows], [hot_fit(row, HOT) for row in rows]
    found = Summary.of(cold, COLD <= 1)
    ratios = np.array([fit.ratios[COLD <= 1] for fit in cold])
    assert abs(found.farthest - 1) == pytest.approx(np.abs(ratios - 1).max())
    assert found.slope_error == max(abs(fit.exponent / fit.predicted - 1) for fit in cold)
    assert found.starts[0] == min(fit.start for fit in cold)
    assert found.starts[2] == max(fit.start for fit in cold)
    # Where the law holds in fact is no narrower than where it is proved to.
    assert all(fit.reach >= 1 - 1e-9 for fit in cold)
    assert all(fit.reach <= 1 + 1e-9 for fit in hot)
    terms = next_terms([Shape.of(row) for row in rows], hot)
    assert terms["positive"] == sum(Shape.of(row).third > 0 for row in rows)
