"""The rows of a batch that one strategy decodes, from their prompts to their ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.companion import Company
from harness.draws import uniforms
from harness.errors import DecodingFailed
from harness.models.base import LanguageModel
from harness.nodes import Nodes
from harness.requests import Finish, Generation, Request
from harness.strategies.base import VALUES, Prefill, Strategy, View
from harness.strategies.returned import check_finished, check_state, check_step
from harness.values import token_values


@dataclass
class Group:
    """The requests that one strategy decodes in step; they own consecutive rows. Finished requests leave it."""

    strategy: Strategy[Any]
    requests: list[Request]
    limits: Tensor  # [requests] tokens each may have
    state: Any
    history: Tensor  # [rows, time]
    values: Tensor  # [rows, step, len(VALUES)]
    draws: Tensor  # [rows, steps]
    node: Tensor  # [rows] which node of the cache each row stands at
    company: Company | None = None
    step: int = 0

    @staticmethod
    def start(
        model: LanguageModel, requests: list[Request], prompt: Tensor, history: Tensor, hidden: Tensor | None
    ) -> Group:
        """The rows of requests of one strategy before their first step.

        Args:
            model: for its context and device.
            requests: of the strategy.
            prompt: [requests] which of the prompts each has.
            history: [prompts, time] their tokens, -1 where there is none.
            hidden: [prompts, time, d_model], only if the strategy needs it.
        """
        strategy = requests[0].strategy.tokenized(model)
        node = prompt.repeat_interleave(strategy.width)
        limits = [r.limit(model.context) for r in requests]
        steps = max(limits) + strategy.lag
        company = None
        if companion := strategy.companion(model):
            alike = getattr(model, "alike", lambda other: other)  # an engine's model may wrap the strategy's own
            company = Company.start(
                replace(companion, model=alike(companion.model)), [r.tokens for r in requests], strategy.width
            )
        state = strategy.start(Prefill(history[prompt], None if hidden is None else hidden[prompt]))
        check_state(state, len(requests))
        draws = [uniforms(r.seed, r.prompt.id, r.sample, steps, w) for r in requests for w in range(strategy.width)]
        return Group(
            strategy,
            requests,
            torch.tensor(limits, device=model.device),
            state,
            history[node],
            torch.empty(len(node), 0, len(VALUES), device=model.device),
            torch.from_numpy(np.stack(draws)).to(model.device),
            node,
            company,
        )

    @property
    def rows(self) -> int:
        """How many rows it owns."""
        return len(self.requests) * self.strategy.width

    @property
    def left(self) -> int:
        """How many more steps it takes at most."""
        return self.draws.shape[1] - self.step

    def listen(self) -> Tensor | None:
        """Let the companion read each row's last token: [rows, ...] the largest of its logits; None: there is none."""
        if self.company is None:
            return None
        if self.step:
            self.company.read(self.history[:, -1])
        return self.company.peak

    def advance(self, nodes: Nodes, hidden: Tensor | None, eos: frozenset[int]) -> Tensor:
        """Let the strategy choose, and move the rows accordingly; its companion has to know them (`listen`).

        Args:
            nodes: logits of all nodes.
            hidden: [nodes, d_model] of the same, if any strategy needs it.
            eos: tokens that end a continuation.

        Returns:
            [requests] bool: which are over.

        Raises:
            Exception: what the strategy raises; the rows are as they were.
            ValueError: the strategy returned what is no step; the same.
        """
        move, state = self.strategy.step(self.view(nodes, hidden, eos), self.state)
        check_step(move, len(self.requests), self.strategy.width, nodes.vocab, self.node.device)
        check_state(state, len(self.requests))
        self.state = state
        if move.parents is not None:
            self.node, self.history = self.node[move.parents], self.history[move.parents]
            self.values = self.values[move.parents]
            if self.company is not None:
                self.company.follow(move.parents)
        now = token_values(nodes, self.node, move.tokens, move.logprobs, move.kept, move.kept_mass)
        self.append(move.tokens, now)
        if move.done is None:
            first = move.tokens[:: self.strategy.width]
            done = torch.isin(first, torch.tensor(sorted(eos), dtype=first.dtype, device=first.device))
        else:
            done = move.done
        return done | (self.limits + self.strategy.lag <= self.step)

    def view(self, nodes: Nodes, hidden: Tensor | None, eos: frozenset[int]) -> View:
        """What the strategy sees at the next step; the arguments are those of `advance`."""
        return View(
            nodes,
            self.node,
            self.history,
            self.draws[:, self.step],
            self.values,
            hidden[self.node] if self.strategy.needs_hidden and hidden is not None else None,
            self.step,
            eos,
            self.limits,
            None if self.company is None else self.company.logits,
        )

    def append(self, tokens: Tensor, values: Tensor) -> None:
        """One more token of every row: tokens [rows], values [rows, len(VALUES)]."""
        self.history = torch.cat([self.history, tokens[:, None]], 1)
        self.values = torch.cat([self.values, values[:, None]], 1)
        self.step += 1

    def retire(self, over: Sequence[bool], model: LanguageModel) -> list[Generation]:
        """The generations of the requests that are over; those requests leave the group, all or none."""
        if not any(over):
            return []
        width = self.strategy.width
        ended = []
        for i in (i for i, e in enumerate(over) if e):
            request, rows = self.requests[i], slice(i * width, (i + 1) * width)
            end = self.strategy.finish(self.history[rows, -self.step :], self.values[rows], self.state, i)
            check_finished(end, model.vocab)
            tokens = tuple(end.tokens.tolist())
            score = None if end.score is None else float(end.score)
            finish: Finish = "length"
            if tokens and tokens[-1] in model.eos:
                finish = "eos"
            elif request.limit(model.context) < request.max_new_tokens:
                finish = "context"
            ended.append(Generation(request, tokens, end.values.cpu().numpy(), finish, score))
        self.keep([i for i, e in enumerate(over) if not e])
        return ended

    def stop(self, requests: Sequence[int], failures: Sequence[DecodingFailed]) -> list[Generation]:
        """What some requests, which have failed, have so far: the final tokens of their first rows. They stay in it."""
        first = self.history.shape[1] - self.step
        final = max(0, self.step - self.strategy.lag)
        rows = [i * self.strategy.width for i in requests]
        tokens = self.history[rows, first : first + final].tolist()
        values = self.values[rows, :final].cpu().numpy()
        return [
            Generation(self.requests[i], tuple(t), v, "failed", None, failure)
            for i, t, v, failure in zip(requests, tokens, values, failures, strict=True)
        ]

    def clear(self) -> None:
        """Drop all requests, whatever the strategy has made of its state."""
        self.requests, self.node, self.company = [], self.node[:0], None

    def keep(self, requests: Sequence[int], *, heard: bool = False) -> None:
        """Drop all other requests.

        Args:
            requests: that stay.
            heard: whether the companion's logits are to be used still, as it has read each row's last token.
        """
        width = self.strategy.width
        left = torch.tensor(requests, dtype=torch.long, device=self.node.device)
        rows_left = (left[:, None] * width + torch.arange(width, device=left.device)).flatten()
        self.limits, self.state = self.limits[left], _keep(self.state, left)
        self.history, self.values = self.history[rows_left], self.values[rows_left]
        self.draws, self.node = self.draws[rows_left], self.node[rows_left]
        if self.company is not None and len(rows_left):
            self.company.follow(rows_left)
            if heard:
                self.company.logits = self.company.logits[rows_left]
        self.requests = [self.requests[i] for i in requests]


def _keep(state: Any, requests: Tensor) -> Any:
    """The state of some of a group's requests: every tensor in a state has requests as its first axis."""
    if isinstance(state, Tensor):
        return state[requests]
    if isinstance(state, tuple):
        return tuple(_keep(part, requests) for part in state)
    if is_dataclass(state) and not isinstance(state, type):
        return replace(state, **{f.name: _keep(getattr(state, f.name), requests) for f in fields(state) if f.init})
    return state
