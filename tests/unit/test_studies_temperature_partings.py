"""Where sampling leaves greedy, on texts that were decoded for it and on places made by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from harness.api import decode
from harness.configs import option
from harness.loaders import load_model, load_prompts, load_strategy
from harness.results import JobResult
from harness.studies.temperature.contexts import contexts
from harness.studies.temperature.lines import described, lines
from harness.studies.temperature.partings import Partings, first_difference, misjudged, rising

TAUS = (0.0, 0.05, 0.3, 1.0, 3.0)
TOKENS = 12


@pytest.fixture(scope="module")
def jobs() -> list[JobResult]:
    """A job per temperature, in no order; of two seeds above 0."""
    model, prompts = load_model("pocket-s"), load_prompts("fables", limit=10)
    made = []
    for tau in reversed(TAUS):
        strategy = load_strategy("temperature", temperature=tau)
        frame = decode(model, prompts, {"t": strategy}, seeds=[0, 1] if tau else 0, max_new_tokens=TOKENS)
        for seed, own in frame.groupby("seed"):
            config = {"strategy": option("strategy", "temperature") | {"temperature": tau}, "seed": int(str(seed))}
            about = {"dtype": "float32", "model": model.name}
            made.append(JobResult("t", Path("nowhere"), config, {}, "", own, [], frame[:0], provenance=about))
    return made


def test_texts_part_where_they_differ_first() -> None:
    assert first_difference([1, 2, 3], [1, 2, 3]) == math.inf
    assert first_difference([1, 2, 3], np.array([1, 5, 3])) == 2
    assert first_difference([4, 2], [1, 2]) == 1
    assert first_difference([1, 2], [1, 2, 0]) == 3  # one has ended


def test_texts_that_never_part_are_beyond_all_others() -> None:
    found = Partings(0.5, {(f"p{i}", 0, 0): place for i, place in enumerate([1, 3, 9, *[math.inf] * 17])})
    median, interval = found.median()
    assert median == math.inf
    assert interval.high == math.inf
    assert found.quartiles() == (math.inf, math.inf)
    share, wilson = found.together()
    assert share == 17 / 20
    assert (wilson.low, wilson.high) == pytest.approx((0.6396, 0.9476), abs=1e-4)  # Wilson's formula by hand
    assert found.at_once() == 1 / 20


def test_the_median_is_that_of_the_places_where_most_texts_part() -> None:
    places = [1, 2, 2, 3, 3, 4, 5, 6, 8, math.inf, math.inf]
    median, interval = Partings(0.5, {(f"p{i}", 0, 0): place for i, place in enumerate(places)}).median()
    assert median == 4
    assert 1 <= interval.low < 4 < interval.high


def test_texts_that_return_to_greedy_are_counted() -> None:
    cold = Partings(0.1, {("p", 0, 0): 3.0, ("q", 0, 0): math.inf})
    hot = Partings(0.2, {("p", 0, 0): 5.0, ("q", 0, 0): 2.0})
    assert rising([hot, cold]) == 1  # by temperature, whatever their order


def test_a_line_has_every_temperature_and_both_seeds(jobs: list[JobResult]) -> None:
    (line,) = lines(jobs)
    assert tuple(line.jobs) == TAUS
    assert [each.tau for each in line.partings] == list(TAUS[1:])
    start = line.jobs[0.0][0].generations
    greedy = dict(zip(start["prompt_id"], map(list, start["tokens"]), strict=True))
    for each in line.partings:
        assert len(each.places) == 20
        for job in line.jobs[each.tau]:
            for prompt, seed, tokens in job.generations[["prompt_id", "seed", "tokens"]].to_numpy():
                differ = [a != b for a, b in zip(tokens, greedy[prompt], strict=False)]
                brute = differ.index(True) + 1 if True in differ else math.inf
                assert each.places[prompt, seed, 0] == brute


def test_greedy_is_left_when_the_draw_says_so_and_for_good(jobs: list[JobResult]) -> None:
    (line,) = lines(jobs)
    prompts = line.jobs[0.0][0].generations
    places = contexts(load_model("pocket-s"), prompts, prompts[:0], positions=3)
    facts, checks = described(line, places, "pocket-s")
    assert [check.held for check in checks] == [True, True]
    assert facts["rows"][0]["median"][0] >= facts["rows"][-1]["median"][0] == 1
    expected = [row["expected"] for row in facts["rows"]]
    assert expected == sorted(expected)
    # The check can fail: certain that nobody leaves greedy, it finds all who do.
    hot = line.partings[-1]
    assert misjudged(hot, dict.fromkeys(prompts["prompt_id"], 0.0), 0.0) == round(hot.at_once() * len(hot.places)) > 0


def test_under_other_transforms_no_draw_is_judged(jobs: list[JobResult]) -> None:
    for job in jobs:
        job.config["strategy"]["top_k"] = 50
    try:
        (line,) = lines(jobs)
        prompts = line.jobs[0.0][0].generations
        places = contexts(load_model("pocket-s"), prompts, prompts[:0], positions=1)
        facts, checks = described(line, places, "pocket-s")
    finally:
        for job in jobs:
            job.config["strategy"]["top_k"] = 0
    assert len(checks) == 1
    assert facts["rows"][0]["expected"] is None


def test_without_greedy_there_is_no_line(jobs: list[JobResult]) -> None:
    assert lines([job for job in jobs if job.config["strategy"]["temperature"]]) == []
