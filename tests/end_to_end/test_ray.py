"""A sweep on cluster=ray, from the command line to the files."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(main: Callable[..., int], capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process, from an empty folder; its exit code and what the process printed."""

    def call(*arguments: str) -> tuple[int, str]:
        code = main(*arguments)
        captured = capfd.readouterr()
        return code, captured.out + captured.err

    return call


@pytest.mark.long
def test_a_sweep_on_two_workers_leaves_the_files_of_one_process(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="cluster=ray needs Ray: pip install 'decoding-harness[ray]'")
    sweep = ("-m", "strategy=greedy,beam,top_p,contrastive_search", "samples=2", "engine=exact", "engine.max_rows=8")
    small = ("model=pocket-s", "prompts.limit=4", "max_new_tokens=6", "metrics=[repetition,perplexity]")
    printed = {}
    for name, cluster in (("here", ["cluster=local"]), ("there", ["cluster=ray", "cluster.workers=2"])):
        code, printed[name] = run(*sweep, *small, *cluster, f"hydra.sweep.dir={name}")
        assert code == 0, printed[name]
    assert printed["there"].replace("there", "here") == printed["here"]  # Ray has nothing to say
    jobs = sorted(path.parent.relative_to(tmp_path / "here") for path in (tmp_path / "here").glob("*/job.json"))
    assert len(jobs) == 4
    for job in jobs:
        for file in ("generations.parquet", "scores.json", "items.parquet", "evidence.parquet"):
            assert (tmp_path / "there" / job / file).read_bytes() == (tmp_path / "here" / job / file).read_bytes(), file
    assert (tmp_path / "there/references.json").read_bytes() == (tmp_path / "here/references.json").read_bytes()
    left = [p.name() for p in psutil.Process().children(recursive=True)]
    assert not [name for name in left if "ray" in name or "gcs" in name], left


def test_an_address_where_nobody_answers_ends_before_anything_is_loaded(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="cluster=ray needs Ray: pip install 'decoding-harness[ray]'")
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
    code, printed = run("strategy=greedy", "model=pocket-s", "cluster=ray", f"cluster.address={place}")
    assert code == 1
    assert printed.startswith(f"error: cluster.address='{place}': nobody answers at {place}")
    assert len(printed.splitlines()) == 1
    assert not list(tmp_path.glob("results/*"))
