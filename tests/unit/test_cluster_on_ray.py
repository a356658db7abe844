"""Decoding in other processes: the tokens of this one, whatever happens to them."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.cluster.base import Recipe
from harness.cluster.local import local
from harness.cluster.on_ray import OnRay, on_ray
from harness.configs import option
from harness.errors import InputError, StrategyFailed
from harness.identity import traits
from harness.knobs import build
from harness.loaders import load_prompts
from harness.models.base import LanguageModel
from harness.models.loading import load
from harness.requests import Generation, Request
from tests.noting import started

ENGINE = option("engine", "fast")
MODEL = option("model", "pocket-s")
Node = dict[str, Any]


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return load(MODEL)


@pytest.fixture(scope="module")
def cluster() -> Iterator[OnRay]:
    """Two workers for all tests of this file; who kills one leaves it to the next test to start another."""
    pytest.importorskip("ray", reason="cluster=ray needs Ray: pip install 'decoding-harness[ray]'")
    found = on_ray(workers=2, prompts=2)
    found.preflight()
    with found:
        yield found


def workers() -> list[psutil.Process]:
    """The processes that decode for this one, at whatever they are."""
    return [p for p in psutil.Process().children(recursive=True) if p.name().startswith("ray::Worker")]


def world(
    model: LanguageModel, nodes: Sequence[Node], *, prompts: int = 8, new: int = 8
) -> tuple[Recipe, list[Request]]:
    strategies = {build(node, "strategy"): node for node in nodes}
    requests = [
        Request(p, tuple(model.encode(p.text)), s, 8, 0, sample)
        for s in strategies
        for p in load_prompts("fables", limit=prompts)
        for sample in range(2 if s.stochastic else 1)
    ]
    return Recipe(MODEL, ENGINE, strategies), requests


def decoded(cluster: Any, model: LanguageModel, recipe: Recipe, requests: list[Request]) -> Iterator[Generation]:
    found: Iterator[Generation] = cluster.decode(model, build(ENGINE, "engine"), recipe, requests)
    return found


def tokens(found: Sequence[Generation]) -> dict[int, tuple[tuple[int, ...], str]]:
    assert len({id(g.request) for g in found}) == len(found)  # none twice
    return {id(g.request): (g.tokens, g.finish) for g in found}


def test_the_tokens_are_those_of_this_process(cluster: OnRay, model: LanguageModel) -> None:
    names = ("greedy", "beam", "top_p", "contrastive_search", "dola")
    recipe, requests = world(model, [option("strategy", name) for name in names])
    there = list(decoded(cluster, model, recipe, requests))
    assert tokens(there) == tokens(list(decoded(local(), model, recipe, requests)))
    assert len(there) == len(requests) == 8 * 6
    assert len(workers()) == 2


def test_traits_are_those_of_the_workers(cluster: OnRay, model: LanguageModel) -> None:
    recipe, _ = world(model, [option("strategy", "greedy")])
    assert cluster.traits(model, recipe) == traits(model)  # the tests run on one thread and the CPU, as the workers do


def test_a_strategy_that_raises_in_a_worker_fails_alone(cluster: OnRay, model: LanguageModel) -> None:
    nodes = [{"factory": "tests.noting.Noting", "raises": "by nought"}, option("strategy", "greedy")]
    recipe, requests = world(model, nodes, prompts=3)
    here = {id(g.request): g for g in decoded(local(), model, recipe, requests)}
    for generation in decoded(cluster, model, recipe, requests):
        same = here[id(generation.request)]
        assert (generation.tokens, generation.finish) == (same.tokens, same.finish)
        assert (generation.failure is None) is (type(generation.request.strategy).__name__ != "Noting")
        if generation.failure is not None:
            assert type(generation.failure) is StrategyFailed
            assert "ZeroDivisionError: by nought (tests/noting.py:" in str(generation.failure)
            assert "ZeroDivisionError: by nought" in str(generation.failure.__cause__)


def test_a_mistake_that_shows_in_a_worker_is_told_as_here(cluster: OnRay, model: LanguageModel) -> None:
    recipe, requests = world(model, [option("strategy", "greedy")], prompts=1)
    wrong = Recipe({"factory": "harness.models.loading.hf", "name": "./no/such"}, ENGINE, recipe.strategies)
    with pytest.raises(InputError) as here:
        load(wrong.model)
    with pytest.raises(InputError) as there:
        list(decoded(cluster, model, wrong, requests))
    assert str(there.value) == str(here.value)


def test_handlers_of_signals_stay(cluster: OnRay, model: LanguageModel) -> None:
    recipe, _ = world(model, [option("strategy", "greedy")])
    cluster.traits(model, recipe)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_killed_worker_costs_what_it_had_not_sent(cluster: OnRay, model: LanguageModel, tmp_path: Path) -> None:
    file = tmp_path / "started"
    here = list(decoded(local(), model, *world(model, [{"factory": "tests.noting.Noting"}])))
    recipe, requests = world(model, [{"factory": "tests.noting.Noting", "file": str(file), "once": 5}])
    there = list(decoded(cluster, model, recipe, requests))
    assert (tmp_path / "started.killed").exists()
    assert {g.request.tokens: g.tokens for g in there} == {g.request.tokens: g.tokens for g in here}
    assert len(there) == len(requests) == 8
    begun = Counter(prompt for _, prompt in started(file))
    assert sorted(begun.values()) == [1] * 6 + [2] * 2  # a shard has two prompts; nothing else was decoded twice


@pytest.mark.long
def test_a_prompt_that_kills_workers_is_named_and_the_others_are_decoded(
    cluster: OnRay, model: LanguageModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("harness.cluster.on_ray.LOSSES", 1)  # a worker takes seconds to begin
    monkeypatch.setattr(cluster, "prompts", 1)
    prompts = load_prompts("fables", limit=4)
    last = {tuple(model.encode(p.text))[-1]: p for p in prompts}
    deadly = next(token for token, p in last.items() if model.encode(p.text)[-1:] == [token])
    recipe, requests = world(model, [{"factory": "tests.noting.Noting", "deadly": deadly}], prompts=4)
    doomed = {id(r) for r in requests if r.tokens[-1] == deadly}
    assert 0 < len(doomed) < 4
    found = list(decoded(cluster, model, recipe, requests))
    assert {id(g.request) for g in found if g.finish == "failed"} == doomed
    assert len(found) == 4
    for generation in found:
        if generation.finish == "failed":
            assert f"prompt {generation.request.prompt.id}" in str(generation.failure)
            assert "workers were lost" in str(generation.failure)
    assert "requests run again" in capsys.readouterr().err


def test_tick_is_called_while_nothing_comes_and_can_stop_the_work(
    cluster: OnRay, model: LanguageModel, tmp_path: Path
) -> None:
    file = tmp_path / "started"
    recipe, requests = world(model, [{"factory": "tests.noting.Noting", "file": str(file), "pause": 60.0}])
    cluster.traits(model, recipe)

    def stop() -> None:
        if file.exists():
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(cluster.decode(model, build(ENGINE, "engine"), recipe, requests, tick=stop))
    while alive := {process for process, _ in started(file)} & set(psutil.pids()):
        assert time.monotonic() - began < 30, alive
        time.sleep(0.1)
    assert 0 < len(started(file)) < len(requests)


def test_the_driver_loads_its_model_on_the_cpu() -> None:
    node = {"factory": "f", "device": "auto", "device_map": "auto", "dtype": "auto"}
    assert on_ray().driver(node) == {"factory": "f", "device": "cpu", "device_map": None, "dtype": "auto"}
    assert on_ray().driver({"factory": "f"}) == {"factory": "f"}
    assert local().driver(node) == node
