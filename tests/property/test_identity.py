"""Every field of the config, perturbed: which change the key of a generation, and which change its tokens."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from harness import identity
from harness.cluster.base import Recipe
from harness.cluster.local import Local
from harness.configs import CONF, option, options
from harness.identity import facts, traits
from harness.knobs import build
from harness.loaders import load_model
from harness.models.base import LanguageModel
from harness.plan import plan
from harness.sweep import Job
from harness.world import World, open_world

TINY = ("model=pocket-s", "prompts.limit=3", "max_new_tokens=6", "samples=2")
OTHER_TOKENS = {
    "seed": "1",
    "max_new_tokens": "7",
    "model.size": "m",
    "model.dtype": "float64",
    "model.packed": "false",
    "model.backend": "numpy",
    "engine.factory": "harness.exact.exact",
}
"""Fields that fix a token, or may: a perturbed value changes every key. All of strategy.* belong here too."""

MORE = {"samples": "3", "prompts.limit": "4"}
"""Fields that ask for more: the keys of before are among the new ones."""

SAME_TOKENS = {
    "name": "x",
    "store": "x.sqlite",
    "resume": "false",
    "objective": "null",
    "study": "null",
    "model.device": "cpu",
    "engine.max_rows": "2",
    "engine.merge": "false",
    "report.baseline": "null",
    "report.prompts": "1",
    "report.characters": "10",
    "report.figures": "false",
    "cluster.factory": "harness.cluster.local.local",
}
"""Fields that change no token. All of metrics.* belong here too."""


def composed(*overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        chosen = [] if any(each.startswith("strategy=") for each in overrides) else ["strategy=top_p"]
        found = OmegaConf.to_container(compose("config", [*TINY, *chosen, *overrides]), resolve=True)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


@cache
def known(size: str) -> LanguageModel:
    return load_model(f"pocket-{size}")


def world(folder: Path, *overrides: str) -> World:
    config = composed(*overrides)
    job = Job(config, folder, folder, {"model": "m", "strategy": "s", "prompts": "p", "engine": "e"}, (), new=False)
    return open_world(plan([job]), Local(), ["m"])


def keys(folder: Path, *overrides: str) -> dict[tuple[str, int], bytes]:
    return {(r.prompt.id, r.sample): key for r, key in world(folder, *overrides).keys.items()}


def leaves(node: Any, path: str = "") -> Iterator[str]:
    if isinstance(node, Mapping) and node:
        for key, value in node.items():
            yield from leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are loaded once."""
    monkeypatch.setattr("harness.world.load", lambda node: known(node["size"]))


def test_every_field_is_one_that_is_looked_at() -> None:
    fields = set(leaves(composed()))
    rest = {field for field in fields if field.split(".")[0] not in ("strategy", "metrics")}
    fixed = {"model.factory", "prompts.factory", "report.factory"}
    assert rest == {*OTHER_TOKENS, *MORE, *SAME_TOKENS} | fixed


@pytest.mark.parametrize("field", OTHER_TOKENS)
def test_what_may_change_a_token_changes_every_key(tmp_path: Path, field: str) -> None:
    change = "engine=exact" if field == "engine.factory" else f"{field}={OTHER_TOKENS[field]}"
    before, after = keys(tmp_path), keys(tmp_path, change)
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())


@pytest.mark.parametrize("field", MORE)
@pytest.mark.usefixtures("cheap")
def test_what_asks_for_more_keeps_what_there_is(tmp_path: Path, field: str) -> None:
    before, after = keys(tmp_path), keys(tmp_path, f"{field}={MORE[field]}")
    assert before.items() < after.items()


@pytest.mark.parametrize("field", SAME_TOKENS)
@pytest.mark.usefixtures("cheap")
def test_what_changes_no_token_changes_no_key(tmp_path: Path, field: str) -> None:
    before, after = world(tmp_path), world(tmp_path, f"{field}={SAME_TOKENS[field]}")
    assert list(before.keys.values()) == list(after.keys.values())
    if field.startswith("engine."):  # and it is true
        tokens = [
            {
                r.prompt.id + str(r.sample): g.tokens
                for g in each.plans[0].engine(each.model, list(each.keys))
                for r in [g.request]
            }
            for each in (before, after)
        ]
        assert tokens[0] == tokens[1]


@pytest.mark.usefixtures("cheap")
def test_metrics_change_no_key_but_that_of_a_complete_job(tmp_path: Path) -> None:
    plain = world(tmp_path)
    for change in ("metrics=[repetition]", "metrics.repetition.unit=words", "metrics.mauve.seeds=2"):
        other = world(tmp_path, change)
        assert list(other.keys.values()) == list(plain.keys.values())
        assert other.decoding(other.plans[0]) == plain.decoding(plain.plans[0])
        assert other.measuring(other.plans[0]) != plain.measuring(plain.plans[0])


def changed(value: Any) -> Any:
    """Another value of the same kind: not necessarily a legal one, as the key is made of the node."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1 if value == value and abs(value) != float("inf") else 0.5
    return f"{value}x" if isinstance(value, str) else "x"


@pytest.mark.parametrize("name", options("strategy"))
def test_every_knob_of_every_strategy_is_in_the_key(name: str) -> None:
    node, model = option("strategy", name), known("s")
    strategy = build(node | {"amateur": "pocket-m"} if name == "contrastive_decoding" else node, "strategy")
    recipe = Recipe(option("model", "pocket-s"), option("engine", "fast"), {})
    seen = [facts(recipe, node, strategy, model, traits(model))]
    for path in leaves(node):
        if path == "factory":
            continue
        other = deepcopy(node)
        *above, last = path.split(".")
        place: Any = other
        for key in above:
            place = place[key]
        place[last] = changed(place[last])
        seen.append(facts(recipe, other, strategy, model, traits(model)))
    assert len({identity._hash(each) for each in seen}) == len(seen)


def test_a_strategy_that_draws_nothing_has_one_key_under_all_seeds(tmp_path: Path) -> None:
    a, b = (world(tmp_path, "strategy=greedy", f"seed={seed}") for seed in (0, 1))
    assert list(a.keys.values()) == list(b.keys.values())


def test_where_a_model_lies_and_what_it_is_called_change_no_key_and_its_files_do(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b", "c"):
        folder = tmp_path / name
        shutil.copytree(Path(identity.__file__).parent / "models" / "pocket-s", folder)
        if name == "c":
            file = folder / "tokenizer_config.json"
            file.write_text(file.read_text() + "\n")
        found.append(list(world(tmp_path, "model=hf", f"model.name={folder}", "model.dtype=float32").keys.values()))
    assert found[0] == found[1]
    assert not set(found[0]) & set(found[2])


def test_a_number_is_the_same_however_it_is_written(tmp_path: Path) -> None:
    assert identity._plain({"a": 1.0, "b": [2.0, 0.5], "c": True}) == {"a": 1, "b": [2, 0.5], "c": True}


def test_another_model_that_a_strategy_reads_with_is_in_the_key() -> None:
    model, recipe = known("m"), Recipe(option("model", "pocket-m"), option("engine", "fast"), {})
    node = option("strategy", "contrastive_decoding")
    with_s, with_l = (build(node | {"amateur": name}, "strategy") for name in ("pocket-s", "pocket-l"))
    told = [facts(recipe, node, each, model, traits(model))["companion"]["model"] for each in (with_s, with_l)]
    assert told[0] != told[1] == load_model("pocket-l").fingerprint


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The factory of a model of somebody's own: pocket-s with knobs that its fingerprint knows nothing of."""
    name = f"steering_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(
        "import numpy\n"
        "from harness.models.base import LanguageModel\n"
        "from harness.models.pocket import pocket\n"
        "def steer(*, alpha: float = 0.0) -> LanguageModel:\n"
        "    return pocket('s')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield f"{name}.steer"
    sys.modules.pop(name, None)


def test_every_knob_of_somebody_elses_model_is_in_the_key(own: str) -> None:
    model, node = known("s"), option("strategy", "greedy")
    strategy = build(node, "strategy")
    found = []
    for alpha in (0.0, 20.0):
        recipe = Recipe({"factory": own, "alpha": alpha}, option("engine", "fast"), {})
        found.append(facts(recipe, node, strategy, model, traits(model)))
    assert identity._hash(found[0]) != identity._hash(found[1])
    assert found[0]["installed"].keys() == {"numpy"}  # what its own file takes from elsewhere


def test_threads_are_in_the_key_of_exact_alone() -> None:
    model, recipe = known("m"), option("model", "pocket-m")
    one, two = traits(model), traits(model) | {"bits": {"threads": 99, "cpu": "other"}}
    for name in ("greedy", "contrastive_decoding", "dola"):
        node = option("strategy", name)
        strategy = build(node, "strategy")
        for engine, same in (("fast", True), ("speculative", True), ("exact", False)):
            given = Recipe(recipe, option("engine", engine), {})
            a, b = (identity._hash(facts(given, node, strategy, model, about)) for about in (one, two))
            assert (a == b) == same, (name, engine)
