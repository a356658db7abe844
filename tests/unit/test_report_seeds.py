"""Jobs that differ in their seed alone, taken together."""

from __future__ import annotations

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
