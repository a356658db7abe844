"""Sweeps that other launchers and sweepers than Hydra's own run: the same tokens, and the same one comparison."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from harness import __main__ as cli

TINY = ("model=pocket-s", "prompts.limit=3", "max_new_tokens=6", "report.figures=false")
LIGHT = (*TINY, "metrics=[repetition,perplexity]")
SWEEP = ("-m", "strategy=greedy,top_p", "seed=0,1", *LIGHT)
SEARCH = ("-m", "hydra/sweeper=optuna", "strategy=top_p", "strategy.top_p=interval(0.5,1.0)", "hydra.sweeper.n_jobs=1")

Run = Callable[..., tuple[int, str, str]]


def needs(plugin: str) -> pytest.MarkDecorator:
    missing = find_spec("hydra_plugins") is None or find_spec(f"hydra_plugins.{plugin}") is None
    return pytest.mark.skipif(missing, reason=f"needs {plugin}: pip install 'decoding-harness[launchers]'")


joblib, submitit, optuna = map(needs, ("hydra_joblib_launcher", "hydra_submitit_launcher", "hydra_optuna_sweeper"))


@pytest.fixture
def run(main: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run the command line in this process, from an empty folder; its exit code, and what it printed on out and err."""
    monkeypatch.setenv("PYTHONPATH", str(Path(cli.__file__).parents[1]))  # for the processes that are launched

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(*arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    yield call
    if "joblib.externals.loky" in sys.modules:
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True, kill_workers=True)


def tokens(folder: str) -> dict[str, list[list[int]]]:
    """Label -> the tokens of each generation, in their order."""
    found = {}
    for path in Path(folder).glob("*/generations.parquet"):
        frame = pd.read_parquet(path)
        (label,) = set(frame["strategy"])
        assert label == json.loads((path.parent / "job.json").read_text())["label"]
        found[label] = [list(map(int, row)) for row in frame["tokens"]]
    return found


def files(folder: str) -> set[str]:
    found = (path.relative_to(folder) for path in Path(folder).rglob("*"))
    return {path.as_posix() for path in found if path.parts[0] != ".submitit"}


@pytest.mark.long
@joblib
def test_jobs_in_processes_of_their_own_leave_what_a_sweep_leaves(run: Run) -> None:
    launched = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "store=all.sqlite")
    code, out, err = run(*SWEEP, *launched, "hydra.sweep.dir=apart")
    assert code == 0, err
    code, _, err = run(*SWEEP, "hydra.sweep.dir=together")
    assert code == 0, err
    assert len(tokens("apart")) == 4
    assert tokens("apart") == tokens("together")
    assert files("apart") == files("together")
    tables = [pd.read_csv(f"{folder}/table.csv") for folder in ("apart", "together")]
    labels = ["greedy seed=0", "greedy seed=1", "top_p seed=0", "top_p seed=1", "reference"]
    assert [table.iloc[:, 0].tolist() for table in tables] == [labels, labels]
    numbers = [table.select_dtypes("number").to_numpy() for table in tables]
    np.testing.assert_allclose(numbers[0], numbers[1], rtol=1e-4)  # log-probabilities move by a rounding with the batch
    assert all(label in out for label in labels)
    assert out.count("report: ") == 1  # none of a job's own
    code, _, err = run(*SWEEP, "store=all.sqlite", "hydra.sweep.dir=again")
    assert code == 0, err
    # All processes shared the store, where greedy texts, which no seed changes, are there once.
    assert "9 of 9 generations are there already" in err
    assert tokens("again") == tokens("together")


@pytest.mark.long
@submitit
def test_jobs_that_are_submitted_have_the_tokens_of_a_sweep(run: Run) -> None:
    given = ("-m", "strategy=top_p", "seed=0,1", *LIGHT)
    code, _, err = run(*given, "hydra/launcher=submitit_local", "hydra.sweep.dir=apart")
    assert code == 0, err
    code, _, err = run(*given, "hydra.sweep.dir=together")
    assert code == 0, err
    assert sorted(tokens("apart")) == ["top_p seed=0", "top_p seed=1"]
    assert tokens("apart") == tokens("together")
    assert files("apart") == files("together")


@joblib
def test_a_failed_job_is_named_and_the_others_are_compared(run: Run) -> None:
    given = ("-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=1", "strategy=top_p", "strategy.top_p=0.5,1.5")
    code, out, err = run(*given, *LIGHT, "hydra.sweep.dir=s")
    assert code == 1
    assert "top_p(0.5)" in out
    first, *_ = err.splitlines()
    assert first.startswith("failed: 1 of 2 jobs: 1_top_p_top_p=1.5_model=pocket-s: strategy.top_p=1.5: ")
    assert "Traceback" not in err
    assert pd.read_csv("s/table.csv").iloc[:, 0].tolist() == ["top_p(0.5)", "reference"]
    code, _, err = run(*given[:-1], "strategy.top_p=1.5,2.5", *LIGHT, "hydra.sweep.dir=n")
    assert code == 1
    code, _, err = run(*given[:-1], "strategy.top_p=1.5", *LIGHT, "hydra.sweep.dir=n/o")
    assert (code, err.count("\n"), err[:25]) == (1, 1, "error: strategy.top_p=1.5")
    assert not Path("n/o").exists()


@optuna
def test_a_search_tries_knobs_and_says_which_are_best(run: Run) -> None:
    given = ("objective=perplexity", "hydra.sweeper.n_trials=3", "hydra.sweeper.sampler.seed=0", "hydra.sweep.dir=s")
    code, out, err = run(*SEARCH, *LIGHT, *given)
    assert code == 0, err
    assert "INFO" not in err
    assert "study" not in err
    found = {}
    for path in Path("s").glob("*/scores.json"):
        (score,) = (s for s in json.loads(path.read_text()) if s["name"] == "perplexity")
        found[path.parent.name] = abs(score["gap"])
    best = min(found, key=lambda name: found[name])
    kept = yaml.safe_load(Path("s/optimization_results.yaml").read_text())
    assert kept["best_value"] == pytest.approx(found[best])
    *_, said, again = out.splitlines()
    assert said.startswith(f"best of 3: {best}: ")
    assert again.startswith(f"by itself: python -m harness strategy.top_p={kept['best_params']['strategy.top_p']} ")
    assert "objective" not in again
    assert len(pd.read_csv("s/table.csv")) == 3 + 1
    code, _, err = run(*again.split()[5:7], *LIGHT, "hydra.run.dir=alone")
    assert code == 0, err
    ((label, expected),) = ((k, v) for k, v in tokens("s").items() if str(kept["best_params"]["strategy.top_p"]) in k)
    assert [list(map(int, t)) for t in pd.read_parquet("alone/generations.parquet")["tokens"]] == expected, label


@optuna
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((*SEARCH, "objective=rep-9"), ("objective='rep-9'", "rep-4")),
        ((*SEARCH, "objective=loops", "hydra.sweeper.direction=maximize"), ("hydra.sweeper.direction=maximize",)),
        (SEARCH, ("objective=None", "hydra/sweeper=optuna")),
        (("objective=loops",), ("objective='loops'", "hydra/sweeper=optuna")),
        ((*SEARCH, "objective=loops", "strategy.top_pp=0.7"), ("strategy.top_pp",)),
        ((*SEARCH, "objective=loops", "hydra.sweeper.direction=most"), ("direction",)),
    ],
)
def test_a_search_for_nothing_ends_before_decoding(
    arguments: tuple[str, ...], says: tuple[str, ...], run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("harness.models.checkpoint.from_directory", None)  # no model can be loaded
    code, out, err = run(*arguments, *TINY)
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1, err
    for part in says:
        assert part in err
    assert not list(tmp_path.glob("results/*"))


@optuna
def test_a_trial_without_a_value_ends_the_search(run: Run) -> None:
    given = ("objective=mauve", "metrics=[mauve]", "hydra.sweeper.direction=maximize", "hydra.sweep.dir=s")
    code, out, err = run(*SEARCH, *TINY, *given)
    assert code == 1
    assert "objective=mauve: has no value: " in err.splitlines()[0]
    assert "100 texts" in err
    assert len(list(Path("s").glob("*/scores.json"))) == 1
    assert "report: s/report.html" in out


@submitit
def test_the_launcher_of_slurm_composes(run: Run) -> None:
    given = ("hydra.launcher.partition=gpu", "hydra.launcher.gpus_per_node=1", "hydra.launcher.timeout_min=240")
    code, out, err = run("hydra/launcher=submitit_slurm", *given, "--cfg", "hydra")
    assert code == 0, err
    launcher = yaml.safe_load(out)["hydra"]["launcher"]
    assert launcher["_target_"].endswith(".SlurmLauncher")
    assert (launcher["partition"], launcher["gpus_per_node"], launcher["timeout_min"]) == ("gpu", 1, 240)


@joblib
def test_two_processes_do_not_run_one_sweep(run: Run, tmp_path: Path) -> None:
    from harness.locking import locked

    (tmp_path / "s").mkdir()
    with locked(tmp_path / "s"):
        code, _, said = run(*SWEEP, "hydra/launcher=joblib", "hydra.sweep.dir=s")
    assert code == 1
    assert "another run is writing there" in said
    assert not (tmp_path / "s" / ".jobs").exists()
