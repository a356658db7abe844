"""Frustratingly simple decoding: likely tokens that a small language model of the text itself would not have said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from harness.knobs import PositiveCount, checked
from harness.nodes import Prefix
from harness.strategies.base import Step, Strategy, View

Alpha = Annotated[float, Field(ge=0, le=1)]
Order = Annotated[int, Field(ge=1, le=16)]


@dataclass(frozen=True)
class FSD(Strategy[None]):
    """FSD (Yang et al., 2024): the largest (1 - α) p(v | x) - α q(v | x) among the top_k likeliest tokens.

    q is an n-gram model of the text so far, prompt included: the highest order that has seen v after the last tokens
    gives its share of β, and what is left goes to the lower orders. As in the authors' code an order that has not seen
    v takes nothing, counts of order 2 and more are divided by their total + 1, and order 1 gets all that is left. Their
    code never ends a text, and may weigh chosen words less; here eos is a token like any other and all words are equal.
    """

    top_k: int
    penalty_alpha: float
    ngram_size: int
    beta: float

    def step(self, view: View, state: None) -> tuple[Step, None]:
        """Weigh the likeliest tokens of every row."""
        tokens, probabilities = likeliest(view, self.top_k)
        penalty = seen(view.history, tokens, self.ngram_size, self.beta).to(probabilities.dtype)
        return weighed(view, tokens, (1 - self.penalty_alpha) * probabilities - self.penalty_alpha * penalty), None


def likeliest(view: View, top_k: int) -> tuple[Tensor, Tensor]:
    """[rows, k] the likeliest tokens of every row, and their probabilities under the model."""
    nodes, count = view.nodes, min(top_k, view.nodes.vocab)
    found = nodes.prefix.at(view.node) if count <= nodes.first else Prefix.of(nodes.logits[view.node], count)
    tokens = found.tokens[:, :count]
    return tokens, nodes.logprob(view.node[:, None], tokens).exp()


def weighed(view: View, tokens: Tensor, scores: Tensor) -> Step:
    """The token of the largest score in every row; among equals the likelier. All mass is on it."""
    chosen = tokens.gather(1, scores.argmax(1, keepdim=True))[:, 0]
    mass = view.nodes.logprob(view.node, chosen).exp()
    return Step(chosen, logprobs=torch.zeros_like(view.uniform), kept=torch.ones_like(chosen), kept_mass=mass)


def seen(history: Tensor, tokens: Tensor, ngram_size: int, beta: float) -> Tensor:
    """[rows, k] what the n-gram model of each row's history gives each of its tokens: see `FSD`.

    Args:
        history: [rows, time], -1 where there is no token; at the end there always is one.
        tokens: [rows, k].
        ngram_size: the highest order.
        beta: the share of the higher order.
    """
    left = torch.ones(tokens.shape, dtype=torch.float64, device=tokens.device)
    found = torch.zeros_like(left)
    time = history.shape[1]
    enough = (history >= 0).sum(1, keepdim=True) >= ngram_size - 1
    for before in range(min(ngram_size - 1, time - 1), -1, -1):
        follower = history[:, before:]
        alike = follower >= 0
        for back in range(1, before + 1):  # the token `back` places before, here and at the end
            alike = alike & (history[:, before - back : time - back] == history[:, time - back, None])
        count = (alike[:, :, None] & (follower[:, :, None] == tokens[:, None])).sum(1)
        total = alike.sum(1, keepdim=True)
        share = count / (total + 1) * beta if before else count / total.clamp(min=1)
        found += left * share
        left = torch.where(count > 0, left * (1 - beta), left)
    return found * enough


@checked
def fsd(*, top_k: PositiveCount = 3, penalty_alpha: Alpha = 0.4, ngram_size: Order = 2, beta: Alpha = 0.9) -> FSD:
    """Likely tokens that do not repeat the text's own n-grams.

    Source: Yang et al. (2024), A frustratingly simple decoding method for neural text generation.
    Oracle: a loop over dictionaries of n-grams, written from the paper and the authors' description; α = 0 is greedy.

    Args:
        top_k: the likeliest tokens that are weighed; 1 is greedy.
        penalty_alpha: weight of the n-gram model, from 0 (greedy) to 1.
        ngram_size: its highest order.
        beta: what an order keeps of what the higher ones have left; 0 ignores all orders but the first.
    """
    return FSD(top_k, penalty_alpha, ngram_size, beta)
