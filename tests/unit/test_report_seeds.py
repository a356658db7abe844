"""Jobs that differ in their seed alone, taken together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.report import seeds
from harness.report.tables import tabulate
from harness.results import read_sweep
from tests import sweeps


def test_mean_and_spread_over_seeds(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, sweeps.SIX, seeds=(0, 1, 2), prompts=6))
    made = tabulate(sweep.jobs, sweep.references)
    grid = seeds.grid(sweep.jobs, made)
    assert grid is not None
    lines = grid.to_markdown().splitlines()
    names = [column.name for column in made.columns]
    row = dict(zip(["strategy", "seeds", *names], [c.strip() for c in lines[2].strip("|").split("|")], strict=True))
    values = [next(s.value for s in job.scores if s.name == "rep-1") for job in sweep.jobs[:3]]
    assert (row["strategy"], row["seeds"]) == ("greedy", "3")
    assert row["rep-1"] == f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"
    assert len(lines) == 2 + 6 + 2


def test_one_seed_has_no_spread(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, sweeps.SIX, prompts=3))
    assert seeds.grid(sweep.jobs, tabulate(sweep.jobs, sweep.references)) is None


def test_the_same_texts_under_every_seed_have_no_spread(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, dict(list(sweeps.SIX.items())[:2]), seeds=(0, 1, 2), prompts=3))
    jobs = [replace(job, generations=sweep.jobs[0].generations) for job in sweep.jobs[:3]] + sweep.jobs[3:]
    grid = seeds.grid(jobs, tabulate(jobs, sweep.references))
    assert grid is not None
    assert [row[:2] for row in grid.rows] == [["beam(num_beams=8)", "3"]]
    assert "The same under every seed, so not here: greedy." in grid.note
    assert seeds.grid(jobs[:3], tabulate(jobs[:3])) is None


def test_a_seed_counts_once(tmp_path: Path) -> None:
    """Two runs under one seed, which a device made differ, are no two draws."""
    sweep = read_sweep(sweeps.sweep(tmp_path, {"top_p": (0.7, {})}, seeds=(0, 1), prompts=3))
    same = [replace(job, config=job.config | {"seed": 0}) for job in sweep.jobs]
    assert seeds.grid(same, tabulate(same, sweep.references)) is None


def test_a_column_has_the_digits_of_the_table(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, dict(list(sweeps.SIX.items())[:2]), seeds=(0, 1), prompts=3))
    values = iter((0.5, 0.3, 0.002, 0.0017))
    jobs = [replace(job, scores=[replace(job.scores[0], value=next(values))]) for job in sweep.jobs]
    grid = seeds.grid(jobs, tabulate(jobs))
    assert grid is not None
    assert [row[2] for row in grid.rows] == ["0.400 ± 0.141", "0.002 ± 0.000"]
