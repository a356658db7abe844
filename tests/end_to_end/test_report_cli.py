"""`python -m harness.report`: from result folders to one comparison and exit codes."""

from __future__ import annotations

import csv
import html
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.report import __main__ as command
from harness.report import write
from tests import sweeps

Report = Callable[..., tuple[int, str, str]]

FILES = {"table.csv", "table.md", "table.tex", "gaps.csv", "report.md", "report.html"}


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Report:
    """Run the command in this process, from an empty folder: exit code, what it printed, complaints."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["report", *arguments])
        try:
            command.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def shell(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )


def some(folder: str, *labels: str, model: str = "pocket-m", seed: int = 0) -> str:
    chosen = {label: sweeps.SIX[label] for label in labels}
    sweeps.sweep(Path(folder), chosen, models=(model,), seeds=(seed,), prompts=12)
    return folder


def rows(folder: Path | str) -> dict[str, dict[str, str]]:
    with open(Path(folder) / "table.csv", newline="") as file:
        return {row["strategy"]: row for row in csv.DictReader(file)}


def test_help_answers_at_once_and_brings_no_torch(tmp_path: Path) -> None:
    started = time.monotonic()
    done = shell("-m", "harness.report", "--help", cwd=tmp_path)
    assert time.monotonic() - started < 5  # a fifth of a second on an idle machine
    assert done.returncode == 0
    for flag in ("RESULT", "--baseline", "--out", "--show-incomparable"):
        assert flag in done.stdout
    script = (
        "import sys\n"
        "from harness.report.command import parse\n"
        "parse(['a'])\n"
        "assert not {'torch', 'pandas', 'matplotlib', 'numpy'} & set(sys.modules)\n"
    )
    assert shell("-c", script, cwd=tmp_path).stderr == ""


def test_a_report_loads_no_model_code(tmp_path: Path) -> None:
    folder = sweeps.sweep(tmp_path / "a", {label: sweeps.SIX[label] for label in ("greedy", "top_p")}, prompts=3)
    script = (
        "import sys\n"
        f"sys.argv = ['report', {str(folder)!r}]\n"
        "from harness.report.__main__ import main\n"
        "main()\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)\n"
    )
    done = shell("-c", script, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_one_sweep_is_reported_where_it_lies(report: Report) -> None:
    folder = some("a", "greedy", "top_p")
    code, out, err = report(folder)
    assert (code, err) == (0, "")
    assert out.endswith("report: a/report.html\n")
    assert {path.name for path in Path("a").iterdir()} >= FILES
    written = {name: (Path("a") / name).read_bytes() for name in ("table.csv", "report.md")}
    write(Path("a"))  # what a run calls
    assert {name: (Path("a") / name).read_bytes() for name in written} == written


def test_the_settings_of_its_run_are_kept(report: Report) -> None:
    folder = Path(some("a", "greedy", "top_p"))
    for job in ("0", "1"):
        config = folder / job / "config.yaml"
        config.write_text(
            config.read_text() + "report: {prompts: 1, characters: 20, figures: false, baseline: top_p}\n"
        )
    code, _, _ = report("a")
    said = (folder / "report.md").read_text()
    assert code == 0
    assert said.count("**Prompt.**") == 1
    assert "† differs from top\\_p" in said.replace("top_p", "top\\_p")
    assert not (folder / "figures").exists()
    report("a", "--baseline", "greedy")
    assert "† differs from greedy" in (folder / "report.md").read_text()


def test_a_report_that_is_not_the_runs_own_names_the_command_that_made_it(report: Report) -> None:
    folder = some("a", "greedy", "top_p")
    commands = {}
    for arguments in ([folder], ["."], [folder, "--baseline", "top_p"], ["a/1"]):
        report(*arguments, "--out", "b")
        commands[" ".join(arguments)] = (Path("b") / "report.md").read_text().split("```sh\n")[1].split("\n```")[0]
        assert commands[" ".join(arguments)] in html.unescape((Path("b") / "report.html").read_text())
    run = "python -m harness -m strategy=made,up"
    assert commands == {
        "a": run,
        ".": run,
        "a --baseline top_p": f"{run}\npython -m harness.report a --baseline top_p --out b",
        "a/1": f"{run}\npython -m harness.report a/1 --out b",
    }


def test_sweeps_of_two_days_make_one_comparison(report: Report) -> None:
    first, second = some("a", "greedy", "top_p"), some("b", "beam(num_beams=8)")
    code, out, err = report(first, second, "--baseline", "top_p", "--out", "both")
    assert (code, err) == (0, "")
    assert {path.name for path in Path("both").iterdir()} >= FILES
    assert list(rows("both")) == ["greedy", "top_p", "beam(num_beams=8)", "reference"]
    assert "† differs from top_p" in out
    before = rows(report(first)[1].split("report: ")[1].strip().removesuffix("/report.html"))
    for label in ("greedy", "top_p", "reference"):
        assert {k: v for k, v in rows("both")[label].items() if not k.endswith(" p")} == {
            k: v for k, v in before[label].items() if not k.endswith(" p")
        }
    text = (Path("both") / "report.md").read_text()
    assert "python -m harness.report a b --baseline top_p --out both" in text


def test_without_out_the_report_of_several_lies_beside_the_runs(report: Report) -> None:
    code, out, _ = report(some("a", "greedy"), some("b", "top_p"))
    (made,) = Path("results").iterdir()
    assert code == 0
    assert made.name.endswith("_report")
    assert out.endswith(f"report: {made}/report.html\n")


def test_what_may_not_be_compared_is_named_and_ends_in_1(report: Report) -> None:
    small, large = some("a", "greedy", model="pocket-s"), some("b", "top_p", model="pocket-l")
    code, out, err = report(small, large, "--out", "both")
    assert (code, out) == (1, "")
    assert err == (
        "error: these results may not be ranked against each other: model is pocket-s in a (greedy) and pocket-l in b "
        "(top_p) (--show-incomparable shows them unranked)\n"
    )
    assert not Path("both").exists()


def test_it_is_shown_if_asked_for_and_not_ranked(report: Report) -> None:
    small, large = some("a", "greedy", model="pocket-s"), some("b", "top_p", model="pocket-l")
    code, out, err = report(small, large, "--out", "both", "--show-incomparable")
    assert (code, err) == (0, "")
    assert "no score is ranked; signatures differ in model (pocket-s, pocket-l)" in " ".join(out.split())
    assert list(rows("both")) == ["greedy pocket-s", "top_p pocket-l", "reference pocket-s", "reference pocket-l"]
    for name in ("table.md", "table.tex"):
        text = (Path("both") / name).read_text()
        assert "**" not in text
        assert "textbf" not in text
        assert "dagger" not in text
    assert "not ranked" in (Path("both") / "report.md").read_text()


def test_a_sweep_over_models_is_no_mistake(report: Report) -> None:
    sweeps.sweep(Path("a"), {"greedy": sweeps.SIX["greedy"]}, models=("s", "m"), prompts=3)
    assert report("a")[0] == 0
    assert report("a/0", "a/1")[0] == 0  # nor are jobs of it


def test_seeds_of_several_runs_come_together(report: Report) -> None:
    code, _, _ = report(some("a", "top_p", seed=0), some("b", "top_p", seed=1), "--out", "both")
    assert code == 0
    assert list(rows("both")) == ["top_p seed=0", "top_p seed=1", "reference"]
    assert "## Over seeds" in (Path("both") / "report.md").read_text()


def test_a_job_that_two_sweeps_have_counts_once(report: Report) -> None:
    code, out, err = report(some("a", "greedy", "top_p"), some("b", "greedy", "top_k"), "--out", "both")
    assert (code, err) == (0, "")
    assert list(rows("both")) == ["greedy", "top_p", "top_k", "reference"]
    assert "left out, as another job has the same signature and the same texts: greedy of b (here greedy)" in " ".join(
        out.split()
    )
    text = (Path("both") / "report.md").read_text()
    assert "- left out, as another job has the same signature and the same texts: greedy of b (here greedy)" in text
    assert "## Over seeds" not in text
    assert "for 2 tests)" in text  # of perplexity, which alone has evidence here


def test_some_jobs_of_a_sweep_without_its_baseline(report: Report) -> None:
    folder = Path(some("a", "greedy", "top_p", "top_k"))
    for job in ("0", "1", "2"):
        config = folder / job / "config.yaml"
        config.write_text(config.read_text() + "report: {baseline: greedy}\n")
    code, _, err = report("a/1", "a/2", "--out", "two")
    assert (code, err) == (0, "")
    text = (Path("two") / "report.md").read_text()
    assert "- tested against top_p, as greedy, the baseline of the run, is not among these jobs" in text
    assert "† differs from top_p" in text
    code, out, err = report("a/1", "--out", "one")
    assert (code, err) == (0, "")
    assert "tested against" not in out


def test_a_name_that_no_disk_takes_is_one_sentence(report: Report) -> None:
    code, out, err = report(some("a", "greedy", "top_p"), "--out", "x" * 300)
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_deterministic_strategies_under_seeds_are_one_result(report: Report) -> None:
    folder = Path("a")
    sweeps.sweep(folder, {label: sweeps.SIX[label] for label in ("greedy", "top_p")}, seeds=(0, 1, 2), prompts=12)
    for seed in (1, 2):
        for name in ("generations.parquet", "scores.json", "evidence.parquet", "items.parquet"):
            shutil.copy(folder / "0" / name, folder / str(seed) / name)
    code, _, _ = report("a")
    text = (folder / "report.md").read_text()
    assert code == 0
    assert "for 3 tests)" in text
    seeds = text.split("## Over seeds")[1].split("## ")[0]
    assert "| top_p | 3 |" in seeds
    assert "| greedy" not in seeds
    assert "greedy seed=" not in text.split("## Verdict")[1].split("## ")[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "error: the following arguments are required: RESULT\n"),
        (("nowhere",), "error: nowhere: there is no such folder\n"),
        (("empty",), "error: empty: no result folder: neither sweep.json nor job.json lies in it\n"),
        (("a", "--baseline", "gredy"), "error: --baseline 'gredy': there is no such job; did you mean 'greedy'? "),
        (("a", "--watch"), "error: unknown argument --watch: "),
        (("a", "--out", "file"), "error: --out file: file is no folder\n"),
    ],
)
def test_a_mistake_is_one_sentence(report: Report, arguments: tuple[str, ...], says: str) -> None:
    some("a", "greedy", "top_p")
    Path("empty").mkdir()
    Path("file").touch()
    code, out, err = report(*arguments)
    assert (code, out) == (1, "")
    assert err.startswith(says)
    assert err.count("\n") == 1
