"""report.md and what `write` leaves: it says what the files say, and shows anybody's text as text."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from markdown_it import MarkdownIt

from harness import report
from harness.errors import InputError
from harness.evidence import evidence
from harness.knobs import build
from harness.metrics.base import mean_of
from harness.report.markdown import compose
from harness.report.tables import tabulate
from harness.report.verdict import verdict
from harness.results import JobResult, ScoreRecord, Sweep, read_sweep
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


def job(label: str, prompts: int = 200, seeds: int = 2, **values: tuple[float, float, float]) -> JobResult:
    """A job whose scores, of which 0.5 is the references' value, have an interval."""
    frame = pd.DataFrame({"prompt_id": [str(i) for i in range(prompts)], "prompt": "p", "seed": 0, "sample": 0})
    frame["seed"] = [i % seeds for i in range(prompts)]
    scores = [
        ScoreRecord(
            name.replace("_", "-"),
            value,
            "low" if name == "loops" else "high" if name == "mauve" else "reference",
            f"{name}|v:1",
            low,
            high,
            "bca",
            reference=None if name == "mauve" else 0.5,
        )
        for name, (value, low, high) in values.items()
    ]
    return JobResult(label, Path(), {}, {}, "", frame, scores, frame, "reference")


def said(*jobs: JobResult) -> str:
    sweep = Sweep(Path(), "made up", "", list(jobs), [])
    return verdict(sweep, tabulate(jobs))


def test_the_verdict_counts_who_is_closest_and_what_the_intervals_settle() -> None:
    a = job("a", rep_1=(0.51, 0.50, 0.52), rep_2=(0.52, 0.3, 0.7), length=(0.5, 0.5, 0.5))
    b = job("b", rep_1=(0.90, 0.85, 0.95), rep_2=(0.53, 0.3, 0.7), length=(0.5, 0.5, 0.5))
    c = job("c", rep_1=(0.10, 0.05, 0.15), rep_2=(0.505, 0.3, 0.7), length=(0.5, 0.5, 0.5))
    assert said(a, b, c) == (
        "Of 2 measures that the reference texts have too, closest to them is **a** on 1 and **c** on 1. "
        "The intervals by themselves settle that for rep-1."
    )  # all are equally close in length, which tells nobody apart


def test_the_verdict_does_not_take_two_sides_of_the_reference_for_a_difference() -> None:
    a = job("a", rep_1=(0.52, 0.515, 0.525))
    b = job("b", rep_1=(0.47, 0.465, 0.485))  # the intervals lie apart, the distances to 0.5 do not
    assert "settle that for none of them" in said(a, b)


def test_the_verdict_says_who_loops() -> None:
    jobs = [job(str(share), loops=(share, share, share)) for share in (0.0, 0.9, 0.06, 0.5, 0.3)]
    assert (
        "Texts that end in a repetition loop: 90% of **0.9**, 50% of **0.5** and 30% of **0.3** (1 more strategies"
        in said(*jobs)
    )
    assert "No strategy ends more than 5% of its texts in a repetition loop." in said(
        jobs[0], job("x", loops=(0, 0, 0))
    )


def test_the_verdict_says_what_differs_from_the_baseline() -> None:
    rng = np.random.default_rng(0)
    jobs = []
    for label, centre in {"a": 0.0, "b": 3.0, "c": 0.0}.items():
        score = mean_of("x", rng.normal(centre, size=60), "high", "x|v:1")
        basis = evidence(score, [f"p{i}" for i in range(60)])
        assert basis is not None
        empty = sweeps.rows(0.5, ["a text"])
        record = ScoreRecord.of(score)
        jobs.append(JobResult(label, Path(), {}, {}, "", empty, [record], empty, None, {"x": basis}))
    said = verdict(Sweep(Path(), "", "", jobs, []), tabulate(jobs))
    assert "From **a** more than chance parts **b** in 1 of 1 of the scores tested; **c** in none." in said


def test_the_verdict_warns() -> None:
    few = said(job("a", 8, 1, mauve=(0.9, 0.8, 1.0)), job("b", 8, 1, mauve=(0.7, 0.6, 0.8)))
    assert "no strategy can be called closest" in few
    assert "Highest mauve by **a** (0.900)." in few
    assert few.endswith("Read with care: there are only 8 prompts and there is one seed.")
    assert "Read with care" not in said(job("a", rep_1=(0.4, 0.3, 0.5)), job("b", rep_1=(0.2, 0.1, 0.3)))


def test_the_verdict_of_one_job_compares_with_the_references() -> None:
    assert said(job("a", perplexity=(4.0, 3.0, 5.0))) == "**a**: perplexity 4.00 (reference texts: 0.50)."
