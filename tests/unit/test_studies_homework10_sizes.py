"""Question 6: what may be compared between models, and the study around all six."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.evidence import Evidence
from harness.results import read_sweep
from harness.studies.homework import figures
from harness.studies.homework.bits import Bits, minus
from harness.studies.homework.sizes import BITS, Sizes, bits, changes, is_greedy, rows, strategy_of
from tests import sweeps

STRATEGIES: dict[str, tuple[float, Mapping[str, Any]]] = {
    "temperature(0)": (0.0, {"temperature": 0}),
    "temperature(1)": (0.8, {"temperature": 1}),
    "temperature(100)": (1.0, {"temperature": 100.0}),
}


def frame(texts: list[str], logprobs: list[list[float]]) -> pd.DataFrame:
    """References as a model reads them."""
    names = [f"p{i}" for i in range(len(texts))]
    return pd.DataFrame({"prompt_id": names, "text": texts, "logprob": [np.array(each) for each in logprobs]})


def test_bits_per_byte_are_log2_probabilities_over_utf8() -> None:
    found = Bits.of(frame(["abc", "é", ""], [[-math.log(2)] * 4, [-math.log(8)], []]))
    assert found.value == pytest.approx((4 + 3) / (3 + 2))
    assert found.prompts == ["p0", "p1"]
    assert math.isnan(Bits.of(frame([], [])).value)


def test_tokens_that_are_looked_at_stand_for_their_text() -> None:
    logprobs = np.log([0.5, 0.1, 0.1, 0.25, 0.1])
    found = Bits.of(frame(["abcdefg"], [logprobs.tolist()]), stride=3)
    assert found.value == pytest.approx(5 * (1 + 2) / 2 / 7)  # the first and the fourth, in the place of five


def test_a_difference_of_bits_is_paired() -> None:
    rng = np.random.default_rng(0)
    hard = rng.gamma(5, size=30)  # what a text is, whoever reads it
    texts = ["x" * 10] * 30
    one, other = (Bits.of(frame(texts, [[-each - shift] for each in hard])) for shift in (0.0, 0.3))
    difference = other.minus(one)
    assert difference.value == pytest.approx(0.3 / math.log(2) / 10)
    assert difference.low > 0 or difference.method == "constant"
    assert other.interval().low < one.value < other.interval().high  # unpaired one would not tell


def evidence(reader: str, shift: float, **fields: str) -> Evidence:
    signed = "|".join(f"{key}:{value}" for key, value in ({"unit": "model-tokens", "of": reader} | fields).items())
    values = np.stack([np.linspace(0, 1, 20) + shift, np.ones(20)], axis=1)
    units = np.array([str(i) for i in range(20)])
    return Evidence("rep-4", f"rep-4|{signed}|v:1", float(values[:, 0].mean()), "ratio", units, values, "same")


def test_only_the_reader_may_differ() -> None:
    found = minus(evidence("a", 0.5), evidence("b", 0.0))
    assert found is not None
    assert found.value == pytest.approx(0.5)
    assert minus(evidence("a", 0.5, length="64"), evidence("b", 0.0, length="65")) is None
    assert minus(evidence("a", 0.5, unit="words"), evidence("b", 0.0)) is None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return sweeps.sweep(tmp_path / "sweep", STRATEGIES, models=("small", "large"), prompts=8)


def test_jobs_are_named_by_temperature(folder: Path) -> None:
    jobs = read_sweep(folder).jobs
    assert [strategy_of(job) for job in jobs] == ["greedy", "τ = 1", "τ = 100"] * 2
    assert [is_greedy(job) for job in jobs] == [True, False, False] * 2
    penalised = replace(jobs[0], config=jobs[0].config | {"strategy": {"temperature": 0, "repetition_penalty": 1.2}})
    assert strategy_of(penalised) == "greedy"
    assert not is_greedy(penalised)
    assert strategy_of(replace(jobs[0], choices={"strategy": "top_p"})) == "top_p"


def test_rows_go_by_strategy_and_have_intervals(folder: Path) -> None:
    found = rows(read_sweep(folder))
    assert [(row.strategy, row.model) for row in found][:3] == [
        ("greedy", "small"),
        ("greedy", "large"),
        ("τ = 1", "small"),
    ]
    assert found[0].scores["rep-4"].low is not None
    assert found[0].scores["perplexity"].value < found[2].scores["perplexity"].value


def test_changes_are_against_the_first_model_and_corrected(folder: Path) -> None:
    sweep = read_sweep(folder)
    (found,) = changes(sweep, ["small", "large"], bits(sweep))  # the made-up jobs keep evidence of perplexity alone
    assert (found.what, found.strategy, found.model) == (BITS, "", "large")
    human = {each.label: each.frame for each in sweep.references}
    values = [Bits.of(human[f"reference {name}"]).value for name in ("large", "small")]
    assert found.difference.value == pytest.approx(values[0] - values[1])
    assert found.p == pytest.approx(found.difference.p)  # one test alone
    assert changes(sweep, ["small"], bits(sweep)) == []


def test_models_that_read_other_tokens_are_not_compared(folder: Path) -> None:
    sweep = read_sweep(folder)
    assert Sizes.of(sweep, ["small", "large"], alike=False).changes == []
    found = Sizes.of(sweep, ["small", "large"], alike=True)
    assert len(found.changes) == 1
    assert list(found.bits) == ["small", "large"]
    value, low, high = found.bits["small"]
    assert low is not None
    assert high is not None
    assert low < value < high


def test_the_figure_has_a_panel_per_number(folder: Path) -> None:
    panels = Sizes.of(read_sweep(folder), ["small", "large"], alike=True).panels()
    assert list(panels) == [BITS, "loops", "rep-4"]
    assert list(panels["loops"]) == ["greedy", "τ = 1"]
    drawn = figures.sizes(["small", "large"], panels)
    assert [axes.get_title(loc="left") or axes.get_title() for axes in drawn.axes] == list(panels)


def test_a_sweep_without_references_has_no_bits(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path / "bare", STRATEGIES, prompts=3, references=False))
    assert bits(sweep) == {}
    assert BITS not in Sizes.of(sweep, ["pocket-m"], alike=True).panels()
