"""Contrastive search: a likely token whose state is unlike those before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from harness.knobs import PositiveCount, checked
from harness.nodes import Prefix
from harness.strategies.base import Finished, Prefill, Step, Strategy, View

Alpha = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, slots=True)
class State:
    """What the candidates of every request are compared with."""

    context: Tensor  # [requests, time, d_model] unit vectors of the states so far, 0 where there is no token
    probabilities: Tensor  # [requests, top_k] the model's, of the candidates that are the rows


@dataclass(frozen=True)
class ContrastiveSearch(Strategy[State]):
    """Contrastive search (Su et al., 2022, equation 5).

    The rows of a request are its top_k candidates for one token. A step sees the state of each, keeps the one with the
    largest (1 - α) p(v | x) - α max_j cos(h_v, h_j), j over the prompt and the continuation, and goes on with the
    likeliest tokens after it. So a token is chosen one step after it was tried: `lag` is 1. Among equal scores the
    likelier candidate is taken, and among equally likely tokens the smaller id is tried first.
    """

    top_k: int
    penalty_alpha: float
    lag: ClassVar[int] = 1
    needs_hidden: ClassVar[bool] = True

    @property
    def width(self) -> int:  # type: ignore[override]
        """A row per candidate."""
        return self.top_k

    def start(self, prefill: Prefill) -> State:
        """The states of the prompt."""
        assert prefill.hidden is not None
        context = normalize(prefill.hidden, dim=-1) * (prefill.history >= 0)[..., None]
        nothing = context.new_zeros(len(context), self.top_k)
        return State(context, nothing)

    def step(self, view: View, state: State) -> tuple[Step, State]:
        """Choose among the candidates that the rows are, and try the likeliest tokens after the one chosen."""
        assert view.hidden is not None
        requests, device = len(state.context), view.node.device
        first = torch.arange(0, requests * self.top_k, self.top_k, device=device)
        done = torch.zeros(requests, dtype=torch.bool, device=device)
        context, chosen = state.context, first
        if view.step:  # at step 0 the rows are equal and their last token is the prompt's
            states = normalize(view.hidden, dim=-1).view(requests, self.top_k, -1)
            likeness = (states @ context.transpose(1, 2)).masked_fill(~context.any(-1)[:, None], -torch.inf).amax(-1)
            best = ((1 - self.penalty_alpha) * state.probabilities - self.penalty_alpha * likeness).argmax(1)
            chosen = first + best
            context = torch.cat([context, states.take_along_dim(best[:, None, None], 1)], 1)
            for eos in view.eos:
                done |= view.history[chosen, -1] == eos
        count = min(self.top_k, view.nodes.vocab)
        node = view.node[chosen]
        nodes = view.nodes
        likeliest = nodes.prefix.at(node) if count <= nodes.first else Prefix.of(nodes.logits[node], count)
        tokens = likeliest.tokens[:, :count]
        probabilities = view.nodes.logprob(node[:, None], tokens).exp()
        if count < self.top_k:  # a vocabulary smaller than top_k: the last candidate more than once
            more = (0, self.top_k - count)
            tokens, probabilities = (_repeat_last(each, more[1]) for each in (tokens, probabilities))
        return Step(tokens.flatten(), chosen.repeat_interleave(self.top_k), done), State(context, probabilities)

    def finish(self, history: Tensor, values: Tensor, state: State, request: int) -> Finished:
        """What all rows share: everything but the candidates tried last."""
        return Finished(history[0, :-1], values[0, :-1])


def _repeat_last(rows: Tensor, times: int) -> Tensor:
    return torch.cat([rows, rows[:, -1:].expand(-1, times)], 1)


@checked
def contrastive_search(*, top_k: PositiveCount = 4, penalty_alpha: Alpha = 0.6) -> ContrastiveSearch:
    """Likely tokens that do not make the model's states alike.

    Source: Su et al. (2022), equation 5.
    Oracle: a loop written from the paper over transformers' hidden states; α = 0 and top_k = 1 are greedy.

    Args:
        top_k: candidates per step; each is a row of its own.
        penalty_alpha: weight of the penalty for likeness, from 0 to 1; 0 is greedy.
    """
    return ContrastiveSearch(top_k, penalty_alpha)
