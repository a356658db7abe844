"""What the yamls of `conf/` name, as objects: models, prompts, strategies, metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.configs import option
from harness.errors import InputError
from harness.knobs import build
from harness.metrics.base import Metric
from harness.models.base import LanguageModel
from harness.models.loading import load, preflight
from harness.prompts import Prompt
from harness.strategies.base import Strategy


def load_model(name: str = "pocket-m", /, **knobs: Any) -> LanguageModel:
    """A model of `conf/model` by its name, with knobs of its yaml, as in `load_model("hf", name="some/directory")`.

    Raises:
        InputError: there is no such yaml, or the model cannot be found or loaded.
    """
    node = _node("model", name, knobs)
    preflight(node)
    return load(node)


def load_prompts(source: str = "fables", /, **knobs: Any) -> list[Prompt]:
    """A prompt set of `conf/prompts` with knobs of its yaml, as in `load_prompts("file", path="mine.jsonl")`.

    Raises:
        InputError: there is no such yaml, or its source cannot be read.
    """
    prompts: list[Prompt] = build(_node("prompts", source, knobs), "prompts")
    return prompts


def load_strategy(name: str, /, **knobs: Any) -> Strategy[Any]:
    """A strategy of `conf/strategy` with knobs of its yaml, as in `load_strategy("top_p", top_p=0.95)`.

    Raises:
        InputError: there is no such yaml, or a knob is unknown or out of its range.
    """
    strategy: Strategy[Any] = build(_node("strategy", name, knobs), "strategy")
    return strategy


def load_metric(name: str, /, **knobs: Any) -> Metric:
    """A metric of `conf/metrics` with knobs of its yaml, as in `load_metric("repetition", unit="words")`.

    Raises:
        InputError: there is no such yaml, or a knob is unknown or out of its range.
    """
    metric: Metric = build(_node("metrics", name, knobs), f"metrics.{name}")
    return metric


def _node(group: str, name: str, knobs: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(name, str):
        raise InputError(f"{group}={name!r:.60}: must be the name of a yaml in conf/{group}")
    return option(group, name) | dict(knobs)
