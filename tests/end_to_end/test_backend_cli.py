"""`model.backend=numpy` from the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from harness import __main__ as cli


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The command line's arguments, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    given = ["harness"]
    monkeypatch.setattr(sys, "argv", given)
    return given


def test_a_sweep_over_both_backends_gives_the_same_texts(arguments: list[str]) -> None:
    arguments += ["-m", "model=pocket-s", "model.backend=torch,numpy", "model.dtype=float64", "hydra.sweep.dir=s"]
    arguments += ["strategy=beam,top_p", "prompts.limit=3", "max_new_tokens=6", "metrics=[repetition,perplexity]"]
    cli.main()
    found = {}
    for file in Path("s").glob("*/job.json"):
        job, scores = json.loads(file.read_text()), json.loads((file.parent / "scores.json").read_text())
        frame = pd.read_parquet(file.parent / "generations.parquet")
        backend = "numpy" if "|backend:numpy|" in job["signature"] else "torch"
        values = {s["name"]: s["value"] for s in scores}
        found[job["choices"]["strategy"], backend] = list(map(list, frame["tokens"])), values
    assert len(found) == 4
    for strategy in ("beam", "top_p"):
        (tokens, values), (others, theirs) = (found[strategy, backend] for backend in ("torch", "numpy"))
        assert tokens == others
        assert values == pytest.approx(theirs, rel=1e-6)


def test_what_it_cannot_run_is_one_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    arguments += ["model=pocket-s", "model.backend=numpy", "model.dtype=bfloat16"]
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    printed = " ".join("".join(capsys.readouterr()).split())
    assert "model.dtype='bfloat16': model.backend='numpy' has no half precision" in printed
    assert "Traceback" not in printed
