"""The command line, from arguments to files and exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

from harness.configs import options

SMALL = ("prompts.limit=3", "max_new_tokens=6", "model=pocket-s")
QUICK = (*SMALL, "report.figures=false")  # where nobody looks at figures: drawing takes most of such a run
FILES = ("config.yaml", "provenance.json", "generations.parquet", "items.parquet", "scores.json")

Run = Callable[..., tuple[int, str]]


def only(folder: Path) -> Path:
    (found,) = (folder / "results").iterdir()
    return found


def test_a_run_leaves_what_it_promises(run: Run, tmp_path: Path) -> None:
    code, printed = run("strategy=beam", *SMALL)
    assert code == 0, printed
    folder = only(tmp_path)
    assert folder.name.endswith("_beam")
    for name in (*FILES, "table.csv", "table.md", "table.tex", "report.md", "references.parquet"):
        assert (folder / name).stat().st_size > 0, name
    assert list(folder.glob("figures/*.png"))
    assert len(list(folder.glob("figures/*.png"))) == len(list(folder.glob("figures/*.svg")))
    assert str(folder.relative_to(tmp_path)) in printed.replace("\n", "")
    frame = pd.read_parquet(folder / "generations.parquet")
    assert len(frame) == 3
    assert set(frame["finish"]) <= {"eos", "length"}
    assert frame["strategy_logprob"].explode().isna().all()
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["strategy"]["num_beams"] == 4
    assert config["prompts"]["limit"] == 3
    assert json.loads((folder / "provenance.json").read_text())["dtype"] == "float32"  # the pocket yamls say so


def test_a_sweep_is_one_batch_and_one_comparison(run: Run, tmp_path: Path) -> None:
    names = "greedy,beam,temperature,top_k,top_p,repetition_penalty"
    code, printed = run("-m", f"strategy={names}", *SMALL)
    assert code == 0, printed
    folder = only(tmp_path)
    jobs = [p for p in folder.iterdir() if (p / "job.json").exists()]
    assert len(jobs) == 6
    for job in jobs:
        for name in FILES:
            assert (job / name).exists(), name
    table = pd.read_csv(folder / "table.csv")
    assert table.iloc[:, 0].tolist() == [*names.split(","), "reference"]
    for name in names.split(","):
        assert name in printed


def test_a_sweep_gives_the_tokens_of_its_jobs_alone(run: Run, tmp_path: Path) -> None:
    assert run("-m", "strategy=beam,top_p", "seed=0,1", "hydra.sweep.dir=together", *QUICK)[0] == 0
    together = {}
    for path in Path("together").glob("*/generations.parquet"):
        for row in pd.read_parquet(path).to_dict("records"):
            label = json.loads((path.parent / "job.json").read_text())["choices"]["strategy"]
            together[label, row["seed"], row["prompt_id"]] = list(row["tokens"])
    for strategy in ("beam", "top_p"):
        for seed in (0, 1):
            folder = f"{strategy}{seed}"
            assert run(f"strategy={strategy}", f"seed={seed}", f"hydra.run.dir={folder}", *QUICK)[0] == 0
            for row in pd.read_parquet(f"{folder}/generations.parquet").to_dict("records"):
                assert list(row["tokens"]) == together[strategy, seed, row["prompt_id"]]


def test_both_engines_and_any_number_of_rows_give_the_same_tokens(run: Run, tmp_path: Path) -> None:
    code, printed = run("-m", "engine=fast,exact", "engine.max_rows=5,64", "strategy=top_p,beam", *QUICK)
    assert code == 0, printed
    frames = [pd.read_parquet(path) for path in only(tmp_path).glob("*/generations.parquet")]
    assert len(frames) == 8
    texts = {str(frame["tokens"].map(list).tolist()) for frame in frames}
    assert len(texts) == 2  # those of top-p and those of beam search


def test_knobs_seeds_and_models_can_be_swept(run: Run, tmp_path: Path) -> None:
    code, printed = run(
        "-m",
        "strategy=temperature",
        "strategy.temperature=0,0.7,inf",
        "model=pocket-s,pocket-m",
        "hydra.sweep.dir=s",
        *SMALL[:2],
        "report.figures=false",
    )
    assert code == 0, printed
    labels = {json.loads(p.read_text())["label"] for p in Path("s").glob("*/job.json")}
    assert labels == {f"temperature({t}) pocket-{m}" for t in ("0", "0.7", "inf") for m in "sm"}


def test_temperature_zero_is_greedy_and_infinity_uniform(run: Run) -> None:
    assert run("-m", "strategy=temperature,greedy", "hydra.sweep.dir=a", *QUICK)[0] == 0  # both have run before
    code, printed = run("-m", "strategy=temperature", "strategy.temperature=0,inf", "hydra.sweep.dir=t", *QUICK)
    assert code == 0, printed
    texts = {p.parent.name: pd.read_parquet(p) for p in Path("t").glob("*/generations.parquet")}
    greedy = next(pd.read_parquet(p) for p in Path("a").glob("*_greedy*/generations.parquet"))
    cold = next(frame for name, frame in texts.items() if "temperature=0" in name)
    hot = next(frame for name, frame in texts.items() if "temperature=inf" in name)
    assert [list(t) for t in cold["tokens"]] == [list(t) for t in greedy["tokens"]]
    assert set(hot["strategy_logprob"].explode().astype(float).round(4)) == {round(-8.317766, 4)}  # -ln 4096


def test_only_what_is_comparable_is_ranked(run: Run) -> None:
    code, printed = run("-m", "strategy=greedy", "max_new_tokens=4,8", "hydra.sweep.dir=n", *SMALL[::2])
    assert code == 0, printed
    assert "no score is ranked; signatures differ in new (4, 8)" in printed.replace("\n", " ")
    code, printed = run("strategy=sample", "samples=3", "hydra.run.dir=s", *SMALL)
    assert code == 0, printed
    scores = {s["name"]: s for s in json.loads(Path("s/scores.json").read_text())}
    assert scores["distinct-2"]["reference"] is None
    assert any("texts is 3 and not 9" in note for note in scores["distinct-2"]["notes"])
    assert scores["rep-2"]["reference"] is not None


def test_two_prompt_files_have_two_sets_of_references(run: Run) -> None:
    for name in "ab":
        lines = [json.dumps({"prompt": f"The {name}", "reference": f" was {name} {i} and more"}) for i in range(3)]
        Path(f"{name}.jsonl").write_text("\n".join(lines))
    code, printed = run("-m", "prompts=file", "prompts.path=a.jsonl,b.jsonl", "hydra.sweep.dir=p", *SMALL[1:])
    assert code == 0, printed
    assert pd.read_parquet("p/references.parquet").groupby("reference").size().tolist() == [3, 3]


def test_no_metrics_are_legal(run: Run) -> None:
    code, printed = run("metrics=[]", "hydra.run.dir=m", *SMALL)
    assert code == 0, printed
    assert len(pd.read_parquet("m/generations.parquet")) == 3


def test_a_mistake_leaves_folders_as_they_were(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    os.utime(tmp_path / "mine", (1, 1))
    assert run("strategy.repetition_penalty=0", "hydra.run.dir=mine")[0] == 1
    assert run("strategy.repetition_penalty=0")[0] == 1
    assert (tmp_path / "mine").is_dir()
    assert not list(tmp_path.glob("results/*"))


@pytest.mark.parametrize("name", options("experiment"))
def test_every_experiment_runs(name: str, run: Run) -> None:
    for argument in (f"experiment={name}", f"+experiment={name}"):
        code, printed = run(argument, "--cfg", "job")
        assert code == 0, printed
    code, printed = run(f"experiment={name}", *QUICK)
    assert code == 0, printed


def test_the_help_and_the_config_need_no_torch(tmp_path: Path) -> None:
    for arguments in (["--help"], ["--cfg", "job"]):
        script = (
            "import sys; from harness import __main__ as cli; "
            f"sys.argv = ['harness', *{arguments!r}]\n"
            "try: cli.main()\n"
            "except SystemExit: pass\n"
            "heavy = {'torch', 'transformers', 'pandas', 'matplotlib', 'datasets'} & set(sys.modules)\n"
            "assert not heavy, heavy"
        )
        done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "strategy" in done.stdout


@pytest.fixture
def mistakes(tmp_path: Path) -> dict[str, str]:
    """Names of files that a command line may trip over."""
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "broken.jsonl").write_text('{"prompt": "a"}\n{"prompt": \n')
    return {}


@pytest.mark.usefixtures("mistakes")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["strategy=nope"], ["strategy/nope", "top_p"]),
        (["strategy=top_p", "strategy.topp=0.9"], ["strategy.topp", "did you mean 'top_p'"]),
        (["+strategy.typo=1"], ["strategy.typo", "repetition_penalty"]),
        (["strategy=top_p", "strategy.top_p=1.5"], ["strategy.top_p=1.5", "less than or equal to 1"]),
        (
            ["strategy=temperature", "strategy.temperature=-1"],
            ["strategy.temperature=-1", "greater than or equal to 0"],
        ),
        (["strategy=top_k", "strategy.top_k=2.5"], ["strategy.top_k=2.5", "integer"]),
        (["-m", "strategy=greedy,top_p", "max_new_tokens=0"], ["max_new_tokens=0", "greater than or equal to 1"]),
        (["samples=0"], ["samples=0"]),
        (["seed=-1"], ["seed=-1"]),
        (["+typo=1"], ["typo", "max_new_tokens"]),
        (["model=hf", "model.name=/nowhere"], ["/nowhere"]),
        (["model=hf"], ["model.name"]),
        (["model.dtype=int4"], ["model.dtype", "float32"]),
        (["prompts=file", "prompts.path=empty.txt"], ["empty.txt"]),
        (["prompts=file", "prompts.path=broken.jsonl"], ["broken.jsonl", "2"]),
        (["prompts=file", "prompts.path=absent.jsonl"], ["absent.jsonl"]),
        (["prompts.limit=0"], ["prompts.limit=0"]),
        (["engine.max_rows=0"], ["engine.max_rows=0"]),
        (["metrics.mauve.seeds=0"], ["metrics.mauve.seeds=0"]),
        (["experiment=nope"], ["experiment/nope"]),
        (["engine=nope"], ["engine/nope", "fast"]),
        (["metrics=[nope]"], ["metrics/nope"]),
        (["-m", "strategy=greedy,nope"], ["strategy/nope"]),
        (["strategy=null"], ["None"]),
        (["~seed"], ["seed"]),
        (["seed=99999999999999999999999999"], ["seed=9999"]),
        (["+metrics.mine=3"], ["metrics.mine"]),
        (["strategy.factory=builtins.dict"], ["strategy.factory"]),
        (["report.prompts=-1"], ["report.prompts=-1"]),
        (["-m", "metrics.mauve.featurizer=pocket-s,pocket-l"], ["metrics.mauve.featurizer"]),
        (["metrics.mauve.featurizer=nope"], ["metrics.mauve.featurizer", "pocket-l"]),
        (["-m", "hydra.sweep.subdir=/elsewhere/${hydra.job.num}"], ["/elsewhere"]),
        (["strategy=greedy,top_p"], ["multirun"]),
        (["hydra.run.dir=/proc/nowhere"], ["/proc/nowhere"]),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else None,
)
def test_a_mistake_is_one_message_before_anything_slow(
    arguments: list[str], says: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("harness.models.checkpoint.from_directory", refuse)
    code, printed = run(*arguments)
    assert code == 1, printed
    assert "Traceback" not in printed
    assert printed.startswith("error: "), printed
    assert len(printed.strip().splitlines()) == 1, printed
    for part in says:
        assert part in printed


def test_a_prompt_longer_than_the_context_is_refused_before_decoding(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "long.txt").write_text("a short one\n" + "word " * 2000 + "\n")
    monkeypatch.setattr("harness.engine.Batch.step", None)
    code, printed = run("prompts=file", "prompts.path=long.txt")
    assert code == 1
    assert "tokens" in printed
    assert "context" in printed


def test_the_exit_code_reaches_the_shell(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "strategy=top_p", "strategy.top_p=1.5"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("results/*"))
