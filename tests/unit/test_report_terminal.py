"""The table on a terminal: it fits, and shows what matters first."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.report.tables import tabulate
from harness.report.terminal import print_table
from harness.results import read_sweep
from tests import sweeps


def printed(folder: Path, strategies: Any = sweeps.SIX, width: int = 80, encoding: str = "utf-8", **how: Any) -> str:
    sweep = read_sweep(sweeps.sweep(folder, strategies, prompts=2, **how))
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    print_table(sweep, Path("results/here/report.md"), Console(file=file, width=width))
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_it_fits(tmp_path: Path, width: int) -> None:
    text = printed(tmp_path, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "perplexity ≈" in text
    assert "…" not in text  # no column is squeezed
    for label in (*sweeps.SIX, "reference"):
        assert text.count(f"\n{label} ") == 1
    assert ("distinct-4" in text) == (width == 200)
    assert ("more scores in table.md" in text) == (width < 200)
    assert text.endswith("report: results/here/report.md\n")


def test_best_is_marked_without_colour(tmp_path: Path) -> None:
    lines = printed(tmp_path).splitlines()
    assert sum("*" in line.split()[1] for line in lines if line.startswith(tuple(sweeps.SIX))) == 1
    assert "* best" in "\n".join(lines)


def test_one_job_gets_a_row_per_score(tmp_path: Path) -> None:
    text = printed(tmp_path, sweeps.ONE)
    for name in sweeps.BETTER:
        assert text.count(f"\n{name} ") == 1
    assert "best" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_labels_are_no_markup_and_are_cut(tmp_path: Path) -> None:
    odd: dict[str, Any] = {"[bold]a[/bold]": (0.2, {}), "[/]": (0.4, {}), "x" * 60: (0.6, {})}
    text = printed(tmp_path, odd)
    assert "[bold]a[/bold]" in text
    assert "[/]" in text
    assert "x" * 25 + "… " in text
    assert "x" * 26 not in text


def test_a_terminal_without_unicode_gets_its_table(tmp_path: Path) -> None:
    text = printed(tmp_path, {"τ=1 🦊": (0.2, {}), "b": (0.4, {})}, encoding="ascii")
    assert "perplexity ~" in text
    assert "?=1 ?" in text


def test_what_leads_is_bold_and_said_to_be(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, sweeps.SIX, prompts=2))
    table = tabulate(sweep.jobs, sweep.references)
    column = next(column for column in table.columns if column.name == "perplexity")
    cells = [replace(cell, good=cell.best or row == 1) if cell else None for row, cell in enumerate(column.cells)]
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True, color_system="standard", no_color=False)
    print_table(sweep, console=console, table=replace(table, columns=[replace(column, cells=cells)]))
    bold = [line.split("\x1b[0m")[0] for line in file.getvalue().split("\x1b[1m")[1:]]
    good = [cell for cell in cells if cell and cell.good]
    assert sum(any(cell.value in each for each in bold) for cell in good) == len(good) == 2
    assert "not significantly worse" in file.getvalue()


def test_why_columns_are_not_ranked_is_said_once(tmp_path: Path) -> None:
    text = printed(tmp_path, models=("s", "m"))
    assert text.count("signatures differ in") == 1
    assert "no score is ranked; signatures differ in model (s, m)" in text
    assert "best" not in text


def test_labels_that_are_cut_still_tell_rows_apart(tmp_path: Path) -> None:
    long: dict[str, Any] = {
        f"top_p(top_p={p}, temperature=0.7, repetition_penalty=1.1)": (p, {"top_p": p}) for p in (0.85, 0.9, 0.95)
    }
    lines = printed(tmp_path, long, seeds=(0, 1), width=100).splitlines()
    firsts = [line.split("  ")[0] for line in lines if line.startswith("top_p")]
    assert len(firsts) == len(set(firsts)) == 6
    assert all(len(first) < len(next(iter(long))) for first in firsts)


def test_notes_and_missing_tests_are_said(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, sweeps.SIX, prompts=2))
    bare = [replace(sweep.jobs[0]), replace(sweep.jobs[1], evidence={}), *sweep.jobs[2:]]
    file = io.StringIO()
    print_table(replace(sweep, jobs=bare, notes=["something else"]), console=Console(file=file, width=200))
    assert (
        "not tested against greedy: no evidence.parquet, or an older version's (beam(num_beams=8))" in file.getvalue()
    )
    assert "something else" in file.getvalue()
