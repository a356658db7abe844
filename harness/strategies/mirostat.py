"""Mirostat 2.0: truncation that steers the surprise of the text towards a target."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor

from harness import transforms
from harness.knobs import NonNegative, Temperature, checked
from harness.nodes import Nodes
from harness.sampler import Ranked, Source, draw
from harness.strategies.base import Prefill, Step, Strategy, View
from harness.transforms import Transform, chain

Surprise = Literal["model", "kept"]


@dataclass(frozen=True)
class Mirostat(Strategy[Tensor]):
    """Keep the tokens whose surprise is at most mu, draw one, and move mu against the error: mu - eta (S - tau).

    The state is mu [requests] float64, in bits; it starts at 2 tau.
    """

    tau: float
    eta: float
    surprise: Surprise
    transform: Transform
    stochastic: ClassVar[bool] = True

    def start(self, prefill: Prefill) -> Tensor:
        """Twice the target for every request."""
        history = prefill.history
        return torch.full((len(history),), 2 * self.tau, dtype=torch.float64, device=history.device)

    def step(self, view: View, state: Tensor) -> tuple[Step, Tensor]:
        """One token of every row, and the next mu."""
        nodes, row, left = self.source(view, state)
        drawn = draw(nodes, row, view.uniform, left, own=(view.nodes, view.node))
        logprob = drawn.logprobs if self.surprise == "kept" else nodes.logprob(row, drawn.tokens)
        step = Step(drawn.tokens, logprobs=drawn.logprobs, kept=drawn.possible, kept_mass=drawn.mass)
        return step, state - self.eta * (-logprob.double() / math.log(2) - self.tau)

    def source(self, view: View, state: Tensor) -> Source:
        """What a step draws from: a node for each row, as each truncates for itself."""
        nodes = Nodes(self.transform(view.logits, view))
        return Source(nodes, torch.arange(len(nodes), device=state.device), [partial(self.truncated, mu=state)])

    def truncated(self, ranked: Ranked, mu: Tensor) -> Ranked:
        """What is kept of the likeliest tokens of some rows: those of a surprise of at most mu, and always the first.

        Args:
            ranked: before anything was forbidden.
            mu: [requests].
        """
        assert ranked.tail is not None
        surprise = (ranked.total()[0].log()[:, None] - ranked.values) / math.log(2)
        kept = surprise <= mu[ranked.tail.node, None]
        kept[:, 0] = True
        return ranked.keep(kept, ~kept[:, -1])


@checked
def mirostat(
    *, tau: NonNegative = 3.0, eta: NonNegative = 0.1, temperature: Temperature = 1.0, surprise: Surprise = "model"
) -> Mirostat:
    """Mirostat 2.0: forbid the tokens above a surprise that follows the text, to hold its mean at a target.

    At every step the tokens with -log2 p <= mu stay, one is drawn from what they keep of the distribution, and mu
    becomes mu - eta (S - tau), S being its surprise.

    Source: Basu et al. (2021), Mirostat: the variant without Zipf's law, as llama.cpp's mirostat 2.
    Oracle: a loop after llama.cpp's semantics; tau = 0 is greedy, a large tau sampling; mean surprise goes to tau.

    Args:
        tau: the target, in bits per token; 0 is greedy.
        eta: the learning rate; 0 leaves mu at 2 tau.
        temperature: of what is truncated and of what surprise is measured on.
        surprise: of the drawn token, under the distribution before truncation (model: the paper, the authors' code) or
            under what is left of it (kept: llama.cpp).
    """
    return Mirostat(tau, eta, surprise, chain(transforms.temperature(temperature)))
