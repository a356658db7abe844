from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputError
from harness.plan import GROUPS, labels, plan, reference_labels
from harness.sweep import Job

NONE = dict.fromkeys(("name", "store", "resume", "objective"))
LOCAL = {"factory": "harness.cluster.local.local"}
CONFIG: dict[str, Any] = {"seed": 0, "samples": 1, "max_new_tokens": 8} | NONE


def job(strategy: str, overrides: Sequence[str] = (), model: str = "pocket-m", **config: Any) -> Job:
    choices = {"strategy": strategy, "model": model, "prompts": "fables", "engine": "fast"}
    groups: dict[str, Any] = {group: {} for group in GROUPS} | {"cluster": LOCAL}
    return Job(groups | CONFIG | config, Path("r"), Path("r"), choices, tuple(overrides), new=False)


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
        (
            [job("sample", ["strategy={top_k:40,temperature:0.7}"]), job("sample", ["strategy=sample"])],
            ["sample(top_k=40, temperature=0.7)", "sample"],
        ),
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


def test_jobs_share_references_where_they_can_and_only_there() -> None:
    a: dict[str, Any] = {"prompts": {"path": "a"}}
    b: dict[str, Any] = {"prompts": {"path": "b"}}
    assert reference_labels([job("greedy"), job("top_p")]) == ["reference", "reference"]
    assert reference_labels([job("greedy"), job("greedy", max_new_tokens=4)]) == ["reference of 8", "reference of 4"]
    assert reference_labels([job("greedy", **a), job("top_p", **b), job("beam", **a)]) == [
        "reference #1",
        "reference #2",
        "reference #1",
    ]
    models = [replace(job("greedy", model="pocket-s"), config=job("greedy").config | {"model": {"size": "s"}})]
    models.append(job("greedy"))
    assert reference_labels(models) == ["reference pocket-s", "reference pocket-m"]


def test_a_job_folder_has_to_be_inside_its_sweep() -> None:
    groups: dict[str, Any] = {group: {} for group in GROUPS}
    outside = Job(groups | CONFIG, Path("/elsewhere"), Path("sweep"), {"strategy": "greedy"}, (), new=False)
    with pytest.raises(InputError, match="inside its sweep's"):
        plan([outside])


def test_a_scorer_that_cannot_be_had_ends_the_run_before_a_strategy_is_built(tmp_path: Path) -> None:
    perplexity = {"factory": "harness.metrics.perplexity.Perplexity", "scorers": ["generator", "pocket-x"]}
    config: dict[str, Any] = {
        "prompts": {"factory": "harness.prompts.text.text", "text": "a"},
        "model": {"factory": "harness.models.pocket.pocket", "size": "s"},
        "metrics": {"perplexity": perplexity},
        "strategy": {"factory": "no.such.strategy"},
    }
    given = Job(job("greedy").config | config, tmp_path, tmp_path, job("greedy").choices, (), new=False)
    with pytest.raises(InputError, match=r"^metrics\.perplexity\.scorers='pocket-x': there is no such model"):
        plan([given])
