"""report.md and what `write` leaves: it says what the files say, and shows anybody's text as text."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

from harness import report
from harness.errors import InputError
from harness.knobs import build
from harness.report.markdown import compose, question, setting
from harness.report.tables import tabulate
from harness.results import Sweep, read_sweep
from tests import sweeps

NASTY = "a|b `c` <img src=x onerror=alert(1)> **d**\n\n# e\n```\n| f |\n\x1b[1m ![g](http://h) \u202e"


def read(folder: Path) -> Sweep:
    return read_sweep(sweeps.sweep(folder, sweeps.SIX, prompts=4))


def test_write_leaves_what_the_readme_lists(tmp_path: Path) -> None:
    sweeps.sweep(tmp_path, sweeps.ONE, prompts=2)
    assert report.write(tmp_path, prompts=1) == tmp_path / "report.html"
    left = {path.name for path in tmp_path.iterdir()}
    assert {"table.csv", "table.md", "table.tex", "figures", "report.md"} <= left
    text = (tmp_path / "report.md").read_text()
    for link in re.findall(r"!\[[^]]*\]\(([^)]*)\)", text):
        assert (tmp_path / link).exists()
    assert text.count("![") == len(list((tmp_path / "figures").glob("*.png"))) == 8
    assert (tmp_path / "table.md").read_text() in text
    readme = (Path(__file__).parents[2] / "results" / "README.md").read_text()
    assert all(f"`{name}" in readme for name in left if not name.isdigit())


def test_without_figures_nothing_is_drawn(tmp_path: Path) -> None:
    sweeps.sweep(tmp_path, sweeps.ONE, prompts=1)
    assert "## Figures" not in report.write(tmp_path, figures=False).read_text()
    assert not (tmp_path / "figures").exists()


def test_the_yaml_builds_it(tmp_path: Path) -> None:
    sweeps.sweep(tmp_path, sweeps.ONE, prompts=1)
    node = yaml.safe_load((Path(__file__).parents[2] / "conf" / "report" / "default.yaml").read_text())
    assert build(node | {"figures": False}, "report", folder=tmp_path) == tmp_path / "report.html"
    with pytest.raises(InputError, match=r"report\.prompts"):
        build(node | {"prompts": -1}, "report", folder=tmp_path)


def test_a_sweep_without_finished_jobs_has_no_report(tmp_path: Path) -> None:
    sweeps.sweep(tmp_path, sweeps.ONE, prompts=1)
    (tmp_path / "0" / "scores.json").unlink()
    with pytest.raises(InputError, match="none of its 1 jobs has finished"):
        report.write(tmp_path)


def test_the_report_names_what_reproduces_it(tmp_path: Path) -> None:
    sweep = read(tmp_path)
    text = compose(sweep, tabulate(sweep.jobs, sweep.references), [])
    assert text.startswith("# Which of 6 jobs comes closest to the reference texts?\n")
    assert "Model: pocket-m; 4 prompts (fables); up to 32 new tokens; seed 0." in text
    assert "```sh\npython -m harness -m strategy=made,up\n```" in text
    assert "- top_k: `strategy.factory=harness.top_k`, `strategy.top_k=50`" in text  # and not the keys all share
    assert "`job|model:pocket-m|strategy:top_k|seed:0`" in text
    assert text.count("- mauve: fewer than 1,000 texts\n") == 1
    assert "Python 3.11" in text


def test_the_question_and_the_setting_are_true_of_jobs_that_are_not_ranked(tmp_path: Path) -> None:
    sweep = read(tmp_path)
    jobs = [replace(job, signature=f"job|model:{i}|v:1") for i, job in enumerate(sweep.jobs)]
    table = tabulate(jobs, sweep.references)
    few = replace(jobs[0], generations=jobs[0].generations.iloc[:2])
    assert question(sweep, table) == "How do 6 jobs differ?"
    assert "; 2 to 4 prompts (fables);" in setting(replace(sweep, jobs=[few, *jobs[1:]]))
    others = replace(few, generations=jobs[0].generations.iloc[2:])
    assert "; 2 prompts each (fables);" in setting(replace(sweep, jobs=[few, others]))


def test_unfinished_jobs_are_said(tmp_path: Path) -> None:
    sweeps.sweep(tmp_path, sweeps.SIX, prompts=1)
    (tmp_path / "3" / "scores.json").unlink()
    sweep = read_sweep(tmp_path)
    assert "unfinished, not in this report: `3`" in compose(sweep, tabulate(sweep.jobs), [])


def test_texts_stand_side_by_side_as_text(tmp_path: Path) -> None:
    sweep = read(tmp_path)
    bad = [
        replace(job, label=f"{job.label} {NASTY}", generations=job.generations.assign(text=NASTY, prompt=NASTY))
        for job in sweep.jobs
    ]
    sweep = replace(sweep, jobs=bad, command=f"python -m harness '{NASTY}'")
    text = compose(sweep, tabulate(bad, sweep.references), [], prompts=2)
    renderer = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    rendered = renderer.render(text)
    assert not re.search(r"<img|<strong>d|<h1>e|<a ", rendered)
    headings = re.findall(r"<h2>(.*?)</h2>", rendered)
    assert headings == ["Verdict", "Scores", "Texts", "What differs between the jobs", "Signatures", "Made with"]
    texts = rendered.split("<h2>Texts</h2>")[1].split("<h2>")[0]
    rows = re.findall(r"<tr>\n<td[^>]*>(.*?)</td>\n<td[^>]*>(.*?)</td>\n</tr>", texts, re.S)
    assert len(rows) == 2 * (len(sweep.jobs) + 1)
    shown = "a|b `c` <img src=x onerror=alert(1)> **d**↵↵# e↵```↵| f |↵⟨U+001B⟩[1m ![g](http://h) ⟨U+202E⟩"
    assert html.unescape(rows[0][1]) == shown
    assert html.unescape(rows[0][0]) == f"greedy {shown}"
    assert rows[-1][0] == "<em>reference</em>"


def test_long_texts_are_cut(tmp_path: Path) -> None:
    sweep = read(tmp_path)
    sweep = replace(sweep, jobs=[replace(sweep.jobs[0], generations=sweep.jobs[0].generations.assign(text="w" * 500))])
    text = compose(sweep, tabulate(sweep.jobs), [], prompts=1, characters=100)
    assert "w" * 100 + "…" in text
    assert "w" * 101 not in text
