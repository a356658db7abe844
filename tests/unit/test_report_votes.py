"""Who is best at a score, seeds taken together."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from harness.metrics.base import Better
from harness.report.tables import tabulate
from harness.report.verdict import verdict
from harness.report.votes import best, contenders
from harness.results import JobResult, ScoreRecord, Sweep


def job(strategy: str, seed: int, value: float, better: Better = "reference", text: str = "") -> JobResult:
    """A job with a score of which 0.5 is the references' value; without a text its own, under every seed another."""
    frame = pd.DataFrame(
        {"prompt_id": ["p"], "prompt": ["q"], "text": [text or f"{strategy} {seed}"], "seed": [seed], "sample": [0]}
    )
    name = "loops" if better == "low" else "mauve" if better == "high" else "x"
    score = ScoreRecord(name, value, better, f"{name}|v:1", reference=0.5 if better == "reference" else None)
    config = {"strategy": {"factory": strategy}, "seed": seed}
    return JobResult(f"{strategy} seed={seed}", Path(), config, {}, "job|model:m", frame, [score], frame, "reference")


def winners(*jobs: JobResult) -> list[tuple[str, str]]:
    table = tabulate(jobs)
    (column,) = table.columns
    return [(each.label, each.shown(column)) for each in best(column, contenders(jobs, table))]


def said(*jobs: JobResult) -> str:
    return verdict(Sweep(Path(), "", "", list(jobs), []), tabulate(jobs))


def test_the_mean_over_seeds_counts_and_not_the_luckiest_seed() -> None:
    """One seed of a is right on the references, and yet a is farther from them than b."""
    a, b = [job("a", seed, value) for seed, value in enumerate((0.5, 0.9))], [job("b", s, 0.55) for s in (0, 1)]
    assert winners(*a, *b) == [("b", "0.550")]
    assert winners(*(replace(each, scores=[replace(each.scores[0], gap=0.0)]) for each in (a[0], b[0]))) == [
        ("a seed=0", "0.500"),
        ("b seed=0", "0.550"),
    ]
    high = [job("a", 0, 0.9, "high"), job("a", 1, 0.1, "high"), job("b", 0, 0.6, "high"), job("b", 1, 0.6, "high")]
    assert winners(*high) == [("b", "0.600")]


def test_means_have_signs() -> None:
    """A strategy on both sides of the references is on average on them."""
    assert winners(job("a", 0, 0.2), job("a", 1, 0.8), job("b", 0, 0.4), job("b", 1, 0.4)) == [("a", "0.500")]


def test_the_same_texts_have_one_vote() -> None:
    a = [job("a", seed, 0.45, text="same") for seed in (0, 1, 2)]
    other = job("c", 0, 0.45, text="same")
    b = [job("b", seed, 0.9) for seed in (0, 1, 2)]
    table = tabulate([*a, other, *b])
    found = contenders([*a, other, *b], table)
    assert [(each.label, each.rows) for each in found] == [("a", (0,)), ("b", (4, 5, 6))]
    words = said(*a, other, *b)
    assert "closest to them is" in words
    assert "**a**" in words
    assert not re.search(r"\*\*[bc]\b|seed=", words)


def test_one_strategy_wins_nothing() -> None:
    jobs = [job("a", seed, value) for seed, value in enumerate((0.3, 0.4, 0.5))]
    assert winners(*jobs) == []
    assert "closest" not in said(*jobs)


def test_loops_are_said_once_for_a_strategy() -> None:
    greedy = [job("greedy", seed, 0.17, "low", "same") for seed in (0, 1, 2)]
    sample = [job("sample", seed, value, "low") for seed, value in enumerate((0.0, 0.12, 0.12))]
    words = said(*greedy, *sample)
    assert words.count("17% of **greedy**") == words.count("8% of **sample**") == 1
    assert "seed=" not in words


def test_a_job_that_lacks_texts_is_not_ranked_and_moves_no_other() -> None:
    """Those that failed may be the hard ones: what is left is no fair sample, however close it comes."""
    whole = [job("a", 0, 0.6), job("b", 0, 0.7)]
    partial = replace(job("c", 0, 0.5), failed=3)
    assert winners(*whole, partial) == winners(*whole) == [("a seed=0", "0.600")]
    cells = tabulate([*whole, partial]).columns[0].cells
    assert [cell.best for cell in cells if cell] == [True, False, False]
    assert not any(cell.good for cell in cells[2:] if cell)
    assert "c" not in re.findall(r"\*\*(\w+) seed", said(*whole, partial))
    assert said(partial, replace(job("a", 0, 0.6), failed=1))  # and where none is whole, something is said all the same
