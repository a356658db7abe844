"""Questions 1 to 3 and 5: two networks that agree, greedy that is not random, and temperatures near their limits."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from harness.api import decode
from harness.errors import InputError
from harness.loaders import load_model, load_strategy
from harness.models.base import LanguageModel
from harness.prompts import identified
from harness.results import JobResult
from harness.studies.homework.greedy import repeated, twin
from harness.studies.homework.limits import GRID, expected_different, limits, parted
from harness.studies.homework.reruns import different, reruns
from harness.studies.homework.twin import apart, numpy_of
from tests.tiny_gpt2 import tiny_gpt2

TWO = identified([("ab", None), ("a longer prompt", None)])
OTHERS = identified([("c", None), ("dd", None), ("an other", None)])


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return load_model("pocket-s")


def job(**changed: Any) -> JobResult:
    """A job of pocket-s."""
    node = {"factory": "harness.models.pocket.pocket", "size": "s", "dtype": "float32", "packed": True}
    provenance = {"model": "pocket-s", "dtype": "float32"} | changed.pop("provenance", {})
    nothing = pd.DataFrame()
    return JobResult("greedy", Path(), {"model": node | changed}, {}, "", nothing, [], nothing, provenance=provenance)


def test_uniform_draws_have_so_many_different_tokens() -> None:
    for vocab, tokens in ((1, 3), (3, 1), (3, 4), (4, 3)):
        mean = np.mean([len(set(each)) for each in product(range(vocab), repeat=tokens)])
        assert expected_different(vocab, tokens) == pytest.approx(mean)
    assert expected_different(50257, 0) == 0


def test_texts_part_at_the_first_token_that_differs() -> None:
    assert parted([1, 2, 3], [1, 2, 3]) is None
    assert parted([1, 2, 3], [1, 9, 3]) == 2
    assert parted([1, 2], [1, 2, 3]) == 3
    assert parted([], [4]) == 1


def test_a_temperature_is_as_near_its_limit_as_transformers_logits_say() -> None:
    model = tiny_gpt2(vocab=9)
    found = limits(model, "ab", (0.05, 1.0, 1000.0), draws=40, max_new_tokens=6)
    text = decode(model, "ab", "greedy", max_new_tokens=6)["tokens"][0].tolist()
    with torch.no_grad():
        logits = model.network(torch.tensor([[*model.encode("ab"), *text]])).logits[0, 1:-1]
    for place in (0, 20, 30, 45, 60):
        tempered = (logits / GRID[place]).log_softmax(-1)
        assert found.path[place] == pytest.approx(float(tempered.amax(-1).sum().exp()), rel=1e-9)
        entropy = -(tempered.exp() * tempered.clamp(min=-700)).sum(-1).mean()
        assert found.entropy[place] == pytest.approx(float(entropy) / math.log(9), rel=1e-9, abs=1e-12)
    for each in found.each:
        path = (logits / each.temperature).log_softmax(-1).amax(-1).sum().exp()
        assert each.expected == pytest.approx(40 * float(path), rel=1e-9)
        assert abs(each.equal - each.expected) <= 4 * math.sqrt(40 * 0.25)
        assert (each.draws, each.tokens) == (40, 240)
    cold, warm, hot = found.each
    assert cold.entropy < warm.entropy < hot.entropy == pytest.approx(found.ceiling, abs=1e-4)
    assert hot.peak == pytest.approx(1 / 9, abs=0.01)
    assert hot.rank == pytest.approx(found.middle, abs=0.7)
    assert hot.different == 9 == pytest.approx(hot.uniform)
    assert math.isnan(found.each[0].parted) == (cold.equal == 40)


def test_greedy_is_the_same_in_any_company_and_sampling_is_not() -> None:
    model = tiny_gpt2(vocab=31)
    given: dict[str, Any] = {"others": OTHERS, "company": {"beam": load_strategy("beam")}, "times": 3}
    runs = list(reruns(model, TWO, load_strategy("greedy"), max_new_tokens=8, **given))
    assert [(run.company, len(run.frame)) for run in runs] == [(False, 2)] * 3 + [(True, 5)] * 3
    assert set(different([run.frame for run in runs]).values()) == {1}
    sampled = reruns(model, TWO, load_strategy("sample"), max_new_tokens=8, **given)
    counts = different([run.frame for run in sampled])
    assert len(counts) == 5
    assert counts[TWO[0].id] == 3  # a seed each: the same alone as in company


def changed_at_the_end(frame: pd.DataFrame, vocab: int) -> pd.DataFrame:
    """The generations with another last token each."""
    return frame.assign(tokens=frame["tokens"].map(lambda t: np.array([*t[:-1], (t[-1] + 1) % vocab])))


def test_runs_of_elsewhere_are_counted_too() -> None:
    model = tiny_gpt2(vocab=31)
    known = decode(model, [*TWO, *OTHERS], "greedy", max_new_tokens=3)
    assert repeated(model, TWO, OTHERS, [known], times=1, max_new_tokens=4).check.held
    other = changed_at_the_end(known, 31)
    found = repeated(model, TWO, OTHERS, [other], times=1, max_new_tokens=4)
    assert (found.different, found.check.held) == (2, False)
    assert (found.runs, found.continuations, found.prompts) == (3, 2 + 5 + 5, 5)
    tied = other.assign(gap=other["gap"].map(np.zeros_like))
    assert repeated(model, TWO, OTHERS, [tied], times=1, max_new_tokens=4).check.held is None  # rounding may decide


def test_both_backends_agree(model: LanguageModel) -> None:
    greedy = decode(model, list(TWO), "greedy", max_new_tokens=5)
    found = twin(model, job(), greedy, 5)
    assert found.parameters == 1184896  # as transformers counts them, with tied embeddings
    assert 0 < found.difference < 1e-4
    assert [check.held for check in found.checks] == [True, True]
    turned = twin(numpy_of(job(), "float32"), job(backend="numpy"), greedy, 5)
    assert (turned.parameters, turned.difference) == (found.parameters, found.difference)
    assert twin(model, job(), changed_at_the_end(greedy, 4096), 5).checks[1].found == 8


def test_what_numpy_does_not_have_is_skipped_and_says_why(model: LanguageModel) -> None:
    greedy = decode(model, list(TWO), "greedy", max_new_tokens=2)
    found = twin(model, job(provenance={"dtype": "bfloat16"}), greedy, 2)
    assert found.parameters is None
    assert "bfloat16" in found.why
    assert [check.held for check in found.checks] == [None, None]
    with pytest.raises(InputError, match="nope"):
        numpy_of(job(nope=1), "float32")


def test_the_distance_is_that_of_the_furthest_logit(model: LanguageModel) -> None:
    double = numpy_of(job(), "float64")
    assert double.dtype == torch.float64
    texts = [model.encode("Once upon a time"), [5]]
    mine, theirs = (torch.cat([m.forward([t], [range(len(t))])[0].double() for t in texts]) for m in (model, double))
    difference, largest = apart(model, double, texts)
    assert difference == float((mine - theirs).abs().max()) > 0
    assert largest == float(mine.abs().max())
