"""Strategies whose rows never meet: greedy, and sampling after a chain of transforms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from harness import transforms
from harness.knobs import Count, Positive, Share, Temperature, checked
from harness.nodes import Nodes
from harness.sampler import draw
from harness.strategies.base import Step, Strategy, View
from harness.strategies.order import Order, ordered
from harness.transforms import Chain, Transform, chain


@dataclass(frozen=True)
class Greedy(Strategy[None]):
    """Take the likeliest token after `transform`; among equally likely ones the smallest id."""

    transform: Transform

    def step(self, view: View, state: None) -> tuple[Step, None]:
        """The argmax of every row. Its distribution has all its mass on that token."""
        transform = chain(self.transform)
        if transform.general or transform.monotone:
            tokens = transform(view.logits, view).argmax(-1)
        else:
            tokens = view.nodes.argmax(view.node)
        logprobs, mass = torch.zeros_like(view.uniform), view.nodes.logprob(view.node, tokens).exp()
        return Step(tokens, logprobs=logprobs, kept=torch.ones_like(tokens), kept_mass=mass), None


@dataclass(frozen=True)
class Sampling(Strategy[None]):
    """Draw the token from the softmax of the transformed logits."""

    transform: Transform
    stochastic: ClassVar[bool] = True

    def step(self, view: View, state: None) -> tuple[Step, None]:
        """Send each row's draw through the distribution sorted by falling probability (`harness.sampler`)."""
        nodes, node, own, transform = view.nodes, view.node, None, chain(self.transform)
        if transform.general:  # every row gets logits of its own
            nodes, own = Nodes(Chain(transform.general, ())(view.logits, view)), (nodes, node)
            node = torch.arange(len(node), device=node.device)
        drawn = draw(nodes, node, view.uniform, [t.ranked for t in transform.monotone], own=own)
        return Step(drawn.tokens, logprobs=drawn.logprobs, kept=drawn.possible, kept_mass=drawn.mass), None


@checked
def greedy(*, repetition_penalty: Positive = 1.0) -> Greedy:
    """Always the likeliest next token."""
    return Greedy(chain(transforms.repetition_penalty(repetition_penalty)))


@checked
def sample(
    *,
    repetition_penalty: Positive = 1.0,
    temperature: Temperature = 1.0,
    top_k: Count = 0,
    top_p: Share = 1.0,
    order: Order = "transformers",
) -> Sampling:
    """Ancestral sampling after a chain of transforms.

    Args:
        repetition_penalty: 1 is off (Keskar et al., 2019).
        temperature: 0 is greedy, inf uniform over what is still possible; both exact (Ackley et al., 1985).
        top_k: keep the k likeliest tokens; 0 is off (Fan et al., 2018).
        top_p: keep the smallest likeliest set whose probability reaches p; 1 is off (Holtzman et al., 2020).
        order: of the transforms: transformers, llama.cpp (temperature last), or a list of the names above
            (`harness.strategies.order`).

    Raises:
        InputError: the order names what there is not, or leaves out what is on.
    """
    stages = {
        "repetition_penalty": transforms.repetition_penalty(repetition_penalty),
        "temperature": transforms.temperature(temperature),
        "top_k": transforms.top_k(top_k),
        "top_p": transforms.top_p(top_p),
    }
    return Sampling(ordered(stages, order))
