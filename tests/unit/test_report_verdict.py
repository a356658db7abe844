"""The verdict says nothing that the table does not show, and names whom it speaks of."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from harness.evidence import evidence
from harness.metrics.base import Better, mean_of
from harness.report.tables import Table, tabulate
from harness.report.verdict import verdict
from harness.results import JobResult, ScoreRecord, Sweep
from tests import sweeps

HUMAN = 0.5


def job(label: str, scores: dict[str, tuple[float, float]], prompts: int = 200, seeds: int = 2) -> JobResult:
    """A job with scores, (value, half of its interval), of which 0.5 is the references' value."""
    frame = pd.DataFrame({"prompt_id": [str(i) for i in range(prompts)], "prompt": "p", "seed": 0, "sample": 0})
    frame["seed"] = [i % seeds for i in range(prompts)]
    records = []
    for name, (value, reach) in scores.items():
        better: Better = "low" if name == "loops" else "high" if name == "mauve" else "reference"
        one = ScoreRecord(name, value, better, f"{name}|v:1", value - reach, value + reach, "bca")
        if name != "mauve":
            gap = value - HUMAN
            one = replace(one, reference=HUMAN, gap=gap, gap_low=gap - reach, gap_high=gap + reach)
        records.append(one)
    return JobResult(label, Path(), {}, {}, "", frame, records, frame, "reference")


def said(*jobs: JobResult) -> str:
    return verdict(Sweep(Path(), "made up", "", list(jobs), []), tabulate(jobs))


def bold(table: Table, name: str) -> list[str]:
    column = next(column for column in table.columns if column.name == name)
    return [label for label, cell in zip(table.labels, column.cells, strict=True) if cell and cell.good]


def test_it_counts_who_is_closest_and_what_is_settled() -> None:
    a = job("a", {"rep-1": (0.51, 0.01), "rep-2": (0.52, 0.2), "length": (0.5, 0)})
    b = job("b", {"rep-1": (0.90, 0.05), "rep-2": (0.53, 0.2), "length": (0.5, 0)})
    c = job("c", {"rep-1": (0.10, 0.05), "rep-2": (0.505, 0.2), "length": (0.5, 0)})
    assert said(a, b, c) == (
        "Of 2 measures that the reference texts have too, closest to them are **a** and **c** on 1 each. "
        "That is settled only for rep-1 (**a**); elsewhere another strategy is not significantly farther."
    )  # all are equally close in length, which tells nobody apart


def test_what_is_settled_is_what_alone_is_bold_and_names_its_winner() -> None:
    """Whoever wins it, be it one that wins nothing else."""
    names = [f"rep-{n}" for n in range(1, 8)]
    rng, settled = np.random.default_rng(0), 0
    for _ in range(20):
        jobs = [job(label, {name: (rng.uniform(0.3, 0.7), 0.02) for name in names}) for label in "abcde"]
        table = tabulate(jobs)
        text = said(*jobs)
        expected = {name: bold(table, name)[0] for name in names if len(bold(table, name)) == 1}
        part = re.search(r"That is settled (?:only )?for (.*?)[;:]", text)
        found = re.findall(r"([^()]*) \(\*\*(.)\*\*\)", part[1]) if part else []
        assert {name: winner for measures, winner in found for name in re.findall(r"rep-\d", measures)} == expected
        settled += len(expected)
    assert 20 < settled < 20 * len(names)


def test_all_and_nothing_may_be_settled() -> None:
    near, far = {"rep-1": (0.51, 0.01)}, {"rep-1": (0.9, 0.01)}
    assert said(job("a", near), job("b", far)) == (
        "On rep-1, the only measure that tells strategies apart, closest to them is **a**. "
        "That is settled for rep-1 (**a**): all other strategies are significantly farther."
    )
    sides = said(
        job("a", {"rep-1": (0.52, 0.01)}), job("b", {"rep-1": (0.47, 0.01)})
    )  # apart, but as far from the references
    assert "None of that is settled: on every measure another strategy is not significantly farther." in sides


def test_what_cannot_be_tested_is_not_settled() -> None:
    jobs = [job("a", {"rep-1": (0.51, 0.01)}), job("b", {"rep-1": (0.9, 0.01)})]
    old = [
        replace(each, scores=[replace(s, gap=None, gap_low=None, gap_high=None) for s in each.scores]) for each in jobs
    ]
    assert bold(tabulate(old), "rep-1") == ["a"]
    assert "None of that could be tested." in said(*old)


def test_a_tie_is_named_whole() -> None:
    wins = {f"rep-{n}": (0.51, 0.2) for n in range(4)}
    jobs = [
        job(label, {n: wins[n] if i == k else (0.9, 0.2) for k, n in enumerate(wins)}) for i, label in enumerate("abcd")
    ]
    assert "closest to them are **a**, **b**, **c** and **d** on 1 each (" in said(*jobs)


def test_it_says_who_loops() -> None:
    jobs = [job(str(share), {"loops": (share, 0)}) for share in (0.0, 0.9, 0.06, 0.5, 0.3)]
    looping = "Texts that end in a repetition loop: 90% of **0.9**, 50% of **0.5** and 30% of **0.3**"
    assert f"{looping} (1 more strategy loops in 5% or more)." in said(*jobs)
    assert f"{looping} (2 more strategies loop in 5% or more)." in said(*jobs, job("x", {"loops": (0.05, 0)}))
    assert "50% of **0.5**, and 30% of **0.3** and **y** each (1 more" in said(*jobs, job("y", {"loops": (0.3, 0)}))
    assert "No strategy ends more than 5% of its texts in a repetition loop." in said(
        jobs[0], job("x", {"loops": (0, 0)})
    )


def test_it_says_what_differs_from_the_baseline() -> None:
    rng = np.random.default_rng(0)
    jobs = []
    for seed, (label, centre) in enumerate({"a": 0.0, "b": 3.0, "c": 0.0, "d": 3.0}.items()):
        score = mean_of("x", rng.normal(centre, size=60), "high", "x|v:1")
        basis = evidence(score, [f"p{i}" for i in range(60)])
        assert basis is not None
        texts = sweeps.rows(0.5, ["a text"], seed=seed)
        jobs.append(JobResult(label, Path(), {}, {}, "", texts, [ScoreRecord.of(score)], texts, None, {"x": basis}))
    assert "**b** and **d** differ from **a** in 1 of 1 scores each, by more than chance; **c** in none." in said(*jobs)
    assert "**b** differs from **a** in 1 of 1 scores, by more than chance; **c** in none." in said(*jobs[:3])
    assert "No score of any strategy differs from **a** by more than chance explains." in said(jobs[0], jobs[2])


def test_it_warns() -> None:
    few = said(job("a", {"mauve": (0.9, 0.1)}, 8, 1), job("b", {"mauve": (0.7, 0.1)}, 8, 1))
    assert few.startswith("There are no reference texts, so no strategy can be called closest to them.")
    assert "Highest mauve by **a** (0.900)." in few
    assert few.endswith("Read with care: there are only 8 prompts; there is one seed.")
    assert "Read with care" not in said(job("a", {"rep-1": (0.4, 0.1)}), job("b", {"rep-1": (0.2, 0.1)}))
    several = said(job("a", {"rep-1": (0.4, 0.1)}, 6), job("b", {"rep-1": (0.2, 0.1)}, 24))
    assert several.endswith("Read with care: there are only 6 to 24 prompts.")


def test_scores_that_are_not_comparable_are_named_unless_all_are() -> None:
    a, b = job("a", {"rep-1": (0.4, 0.1), "rep-2": (0.4, 0.1)}), job("b", {"rep-1": (0.2, 0.1), "rep-2": (0.4, 0.1)})
    other = replace(b, scores=[replace(b.scores[0], signature="rep-1|unit:words|v:1"), b.scores[1]])
    assert said(a, other).endswith("Read with care: rep-1 is not comparable across the rows.")
    none = [replace(each, signature=f"job|model:{each.label}|v:1") for each in (a, b)]
    assert said(*none) == (
        "The rows are not ranked, as their signatures differ. Read with care: no score is comparable across the rows."
    )


def test_of_one_job_it_compares_with_the_references() -> None:
    assert said(job("a", {"perplexity": (4.0, 1.0)})) == "**a**: perplexity 4.00 (reference texts: 0.50)."
