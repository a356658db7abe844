from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputError
from harness.plan import labels, plan
from harness.sweep import Job

CONFIG: dict[str, Any] = {"seed": 0, "samples": 1, "max_new_tokens": 8, "name": None}


def job(strategy: str, overrides: Sequence[str] = (), model: str = "pocket-m", **config: Any) -> Job:
    choices = {"strategy": strategy, "model": model, "prompts": "fables", "engine": "fast"}
    return Job(CONFIG | config, Path("r"), Path("r"), choices, tuple(overrides))


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ([job("greedy"), job("top_p")], ["greedy", "top_p"]),
        ([job("top_p", ["strategy=top_p", "strategy.top_p=0.8"])], ["top_p(0.8)"]),
        ([job("beam", ["strategy.num_beams=8", "prompts.limit=2"])], ["beam(num_beams=8)"]),
        ([job("greedy", seed=0), job("greedy", seed=1)], ["greedy seed=0", "greedy seed=1"]),
        ([job("greedy"), job("greedy", model="pocket-s")], ["greedy pocket-m", "greedy pocket-s"]),
        (
            [job("greedy", ["model.name=/x/a"], model="hf"), job("greedy", ["model.name=/x/b"], model="hf")],
            ["greedy a", "greedy b"],
        ),
        ([job("greedy"), job("greedy")], ["greedy #1", "greedy #2"]),
    ],
)
def test_a_label_is_short_and_tells_jobs_apart(jobs: list[Job], expected: list[str]) -> None:
    assert labels(jobs) == expected


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"max_new_tokens": 0}, r"^max_new_tokens=0: "),
        ({"samples": 1.5}, r"^samples=1.5: "),
        ({"seed": -1}, r"^seed=-1: "),
        ({"name": 3}, r"^name=3: "),
        ({"sede": 3}, r"^unknown key sede=3: did you mean 'seed'"),
    ],
)
def test_the_numbers_are_checked_first(config: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        plan([job("greedy", **config)])


def test_two_jobs_may_not_share_a_folder() -> None:
    with pytest.raises(InputError, match="2 jobs would write to r"):
        plan([job("greedy"), job("top_p")])
