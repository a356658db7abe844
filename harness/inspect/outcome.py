"""What a strategy makes of one step: its own distribution, worked out and not sampled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from harness.inspect.command import Choice
from harness.inspect.step import Step
from harness.knobs import build, import_path
from harness.sampler import Ranked, Source
from harness.strategies.base import Strategy, View
from harness.strategies.sampling import Sampling
from harness.transforms import Transform


@dataclass(frozen=True)
class Distribution:
    """What is left of a model's distribution."""

    probabilities: Tensor  # [vocab] float64
    kept: Tensor  # [vocab] bool: what is possible still, if only with a probability that rounds to 0
    mass: float  # the probability of all of these under the model's own distribution
    cut: float  # and that of all others

    @property
    def entropy(self) -> float:
        """In nats."""
        return float(torch.special.entr(self.probabilities).sum())


@dataclass(frozen=True)
class Outcome:
    """What one strategy makes of a step."""

    label: tuple[str, ...]  # its name, and the knobs that are not at their defaults: "top_p", "0.9", "temperature=0.7"
    distribution: Distribution | None  # None: a search, which has none
    rows: tuple[int, ...]  # the token of each of its rows after this step
    drawn: bool  # whether these depend on the seed


def built(choice: Choice) -> Strategy[Any]:
    """The strategy of a choice.

    Raises:
        InputError: a knob is out of its range.
    """
    strategy: Strategy[Any] = build(choice.node, "strategy")
    return strategy


def outcome(step: Step, choice: Choice, strategy: Strategy[Any]) -> Outcome:
    """What a strategy makes of a step.

    Where a strategy says what it draws from (`source`, as sampling does) it is that, exactly; where it says that it has
    one token left (greedy), all on that token.
    """
    strategy = strategy.tokenized(step.model)
    view, state = step.view(strategy.width, strategy.companion(step.model)), strategy.start(step.prefill())
    taken, _ = strategy.step(view, state)
    found = None
    if source := getattr(strategy, "source", None):
        found = _drawn_from(source(view, state), view)
    elif taken.kept is not None and (taken.kept == 1).all():
        only = torch.zeros(step.nodes.vocab, dtype=torch.bool).index_fill(0, taken.tokens[:1], True)
        found = _distribution(view, only.double(), only)
    return Outcome(label(choice), found, tuple(taken.tokens.tolist()), strategy.stochastic)


def transformed(transform: Transform, view: View) -> Distribution:
    """The whole distribution that sampling draws from (`harness.sampler.draw` works out as much of it as it needs)."""
    return _drawn_from(Sampling(transform).source(view, None), view)


def _drawn_from(source: Source, view: View) -> Distribution:
    nodes, node, transforms = source
    ranked = Ranked.of(nodes, node[:1], nodes.vocab)
    for transform in transforms:
        ranked = transform(ranked)
    values, total = ranked.values[0], ranked.total()[0]
    kept = torch.empty(nodes.vocab, dtype=torch.bool).scatter_(0, ranked.tokens[0], values > -torch.inf)
    probabilities = torch.empty(nodes.vocab, dtype=torch.float64).scatter_(0, ranked.tokens[0], values.exp() / total)
    return _distribution(view, probabilities, kept)


def _distribution(view: View, probabilities: Tensor, kept: Tensor) -> Distribution:
    own = view.nodes.logits[0].double().softmax(-1)
    return Distribution(probabilities, kept, min(1.0, float(own[kept].sum())), float(own[~kept].sum()))


def label(choice: Choice) -> tuple[str, ...]:
    """A strategy's name, and those of its knobs that are not at their defaults; its own knob first, by its value."""
    parameters = signature(import_path(choice.node["factory"], "strategy.factory")).parameters
    changed = {
        knob: value for knob, value in choice.node.items() if knob != "factory" and value != parameters[knob].default
    }
    own = [str(changed.pop(choice.name))] if choice.name in changed else []
    return choice.name, *own, *(f"{knob}={_said(value)}" for knob, value in changed.items())


def _said(value: Any) -> str:
    """A knob's value; a strategy within a strategy by its factory's name and its own knobs."""
    if not isinstance(value, Mapping) or "factory" not in value:
        return str(value)
    name, *knobs = label(Choice(str(value["factory"]).rpartition(".")[2], dict(value)))
    return f"{name}({', '.join(knobs)})" if knobs else name
