"""The example that people copy has to work, outside the package."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness import __main__ as cli
from harness.errors import InputError
from harness.results import read_sweep
from harness.strategies.sampling import greedy
from tests.batches import TEXTS, requests
from tests.table_model import table_model
from tests.views import view_of

FOLDER = Path(__file__).parents[2] / "experiments" / "your_own"
sys.path.append(str(FOLDER))

import largest_drop as mine  # type: ignore[import-not-found]  # noqa: E402

from harness.engine import decode  # noqa: E402


@given(st.lists(st.floats(-9, 9, width=32), min_size=3, max_size=40), st.integers(2, 50))
def test_it_is_a_loop_over_sorted_logits(logits: list[float], within: int) -> None:
    order = sorted(range(len(logits)), key=lambda i: (-logits[i], i))
    values = [logits[i] for i in order][:within]
    drops = [a - b for a, b in pairwise(values)]
    kept = set(order[: drops.index(max(drops)) + 1])
    x = torch.tensor([logits], dtype=torch.float64)
    found = mine.largest_drop(within)(x, view_of(x))
    assert {i for i, v in enumerate(found[0].tolist()) if v > -torch.inf} == kept


def test_two_tokens_are_greedy() -> None:
    model = table_model(6, eos=[5])
    both = (mine.strategy(within=2), greedy())
    ours, theirs = (sorted(g.tokens for g in decode(model, requests([s], TEXTS))) for s in both)
    assert ours == theirs


def test_it_runs_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(FOLDER)])
    monkeypatch.delitem(sys.modules, "largest_drop")
    small = ("prompts.limit=3", "max_new_tokens=4", "model=pocket-s", "hydra.sweep.dir=here")
    arguments = ("--config-dir", str(FOLDER), "-m", "strategy=largest_drop,top_p", *small)
    monkeypatch.setattr(sys, "argv", ["harness", *arguments])
    cli.main()
    assert [job.label for job in read_sweep(Path("here")).jobs] == ["largest_drop", "top_p"]


def test_its_knob_is_checked() -> None:
    with pytest.raises(InputError, match=r"within=1.*2 <= value"):
        mine.strategy(within=1)
