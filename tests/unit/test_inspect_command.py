from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.inspect.command import USUAL, parse

ROOT = Path(__file__).parents[2]


def test_a_prompt_is_enough() -> None:
    asked = parse(["The theory of relativity is"])
    assert asked.prompt == "The theory of relativity is"
    assert asked.model["size"] == "m"
    assert tuple(choice.name for choice in asked.strategies) == USUAL
    assert (asked.top, asked.html) == (10, None)


def test_the_prompt_may_stand_anywhere_and_hold_anything_but_an_override() -> None:
    for prompt in ("x = 1, model is = 2", "model=3 is a", "strategy=all or nothing", "top=1 of\n", "model.x is"):
        assert parse(["top=3", prompt]).prompt == prompt
    assert parse([""]).prompt == ""
    assert parse(["top=3", "--", "--html"]).prompt == "--html"


def test_knobs_of_strategies_are_combined() -> None:
    asked = parse(["x", "strategy=top_p,temperature", "strategy.temperature=0.5,inf", "strategy.top_p=0.8"])
    assert [(c.name, c.node["temperature"], c.node["top_p"]) for c in asked.strategies] == [
        ("top_p", 0.5, 0.8),
        ("top_p", math.inf, 0.8),
        ("temperature", 0.5, 0.8),
        ("temperature", math.inf, 0.8),
    ]


def test_an_override_may_hold_spaces_where_they_mean_something() -> None:
    asked = parse(["x", "strategy=top_p, top_k", "strategy.temperature=0.5, 0.6", "model=hf", "model.name=some where"])
    assert [(c.name, c.node["temperature"]) for c in asked.strategies] == [
        (name, temperature) for name in ("top_p", "top_k") for temperature in (0.5, 0.6)
    ]
    assert asked.model["name"] == "some where"


def test_a_glob_names_every_strategy() -> None:
    names = {path.stem for path in (ROOT / "conf" / "strategy").glob("*.yaml")}
    assert {choice.name for choice in parse(["x", "strategy=glob(*)"]).strategies} == names


def test_knobs_of_the_model_are_read_as_hydra_reads_them() -> None:
    asked = parse(["x", "model=hf", "model.name='some where/gpt'", "model.device_map=null", "model.packed=false"])
    assert [asked.model[key] for key in ("name", "device_map", "packed")] == ["some where/gpt", None, False]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "there is no prompt"),
        (["model=pocket-s"], "there is no prompt"),
        (["a", "b"], "unknown argument 'b'"),
        (["a", "seed=3"], "unknown argument 'seed=3'"),
        (["a", "--out", "b"], "--out"),
        (["a\udcff"], "is not Unicode text"),
        (["a", "top=0"], "top=0: .*1 <= value"),
        (["a", "top=many"], "top='many'"),
        (["a", "top=1", "top=2"], "top is set twice"),
        (["a", "model=pocket"], "there is no such model; did you mean 'pocket-"),
        (["a", "model=pocket-s,pocket-m"], "one step has one model"),
        (["a", "strategy=topp"], "did you mean 'top_p'"),
        (["a", "strategy=glob(zz)"], "names nothing; allowed: beam"),
        (["a", "strategy=top_p", "strategy.topp=0.9"], "unknown key strategy.topp=0.9 of top_p: did you mean 'top_p'"),
        (
            ["a", "strategy=top_p,greedy", "strategy.top_p=0.9"],
            "strategy.top_p=0.9 of greedy: allowed: .*repetition_penalty",
        ),
        (["a", "strategy.top_p=0.9"], "of which strategy"),
        (["a", "strategy=top_p", "strategy.top_p=[0.9"], "cannot be read"),
        (["a", "--html", "no/such/folder/a.html"], "there is no folder"),
        (["a", "--html", "."], "is a folder"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        parse(arguments)
    assert "\n" not in str(caught.value)


def test_a_mistake_ends_the_command_before_torch_is_imported(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit('torch was imported')")  # found first: the current folder
    done = command("x", "model=hf", "model.name=no/such/folder", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: model.name='no/such/folder': ")
    assert done.stderr.count("\n") == 1


def test_a_strategys_range_is_checked_before_the_model_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "transformers.py").write_text("raise SystemExit('transformers was imported')")
    done = command("x", "strategy=top_p", "strategy.top_p=1.5", folder=tmp_path)
    assert done.returncode == 1
    assert (
        done.stderr == "error: strategy.top_p=1.5: input should be less than or equal to 1 (allowed: 0 < value <= 1)\n"
    )


def test_the_command_works_from_any_folder_and_prints_plain_text(tmp_path: Path) -> None:
    done = command("Once upon", "model=pocket-s", "top=2", "--html", "page.html", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "␣upon" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_the_standard_librarys_inspect_is_found_from_inside_the_package() -> None:
    code = "import inspect, dataclasses; print(inspect.signature(dataclasses.replace), 'harness' in inspect.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "harness", capture_output=True, text=True, timeout=60
    )
    assert done.stdout.endswith(" False\n"), done.stderr


def command(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}
    words = [sys.executable, "-m", "harness.inspect", *arguments]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=120)
