"""The one decoding loop. It knows rows, caches and time; it knows no strategy by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from itertools import groupby, pairwise
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.draws import uniforms
from harness.errors import InputError
from harness.knobs import PositiveCount, checked
from harness.models.base import LanguageModel
from harness.prompts import Prompt
from harness.strategies.base import VALUES, Prefill, Step, Strategy, View
from harness.values import token_values

Finish = Literal["eos", "length", "context"]


@dataclass(frozen=True, eq=False)
class Request:
    """One prompt under one strategy with one seed and one sample number."""

    prompt: Prompt
    tokens: tuple[int, ...]  # of the prompt
    strategy: Strategy[Any]
    max_new_tokens: int
    seed: int = 0
    sample: int = 0


@dataclass(frozen=True, eq=False)
class Generation:
    """A finished continuation."""

    request: Request
    tokens: tuple[int, ...]  # a closing eos included
    values: NDArray[np.float32]  # [tokens, len(VALUES)]
    finish: Finish  # eos; length: max_new_tokens reached; context: the model's context is full
    score: float | None  # what a search ranked its hypotheses by


@dataclass
class Group:
    """The requests of a batch that one strategy decodes; they own consecutive rows. Finished requests leave it."""

    strategy: Strategy[Any]
    requests: list[Request]
    limits: Tensor  # [requests] tokens each may have
    state: Any
    history: Tensor  # [rows, time]
    values: Tensor  # [rows, step, len(VALUES)]
    draws: Tensor  # [rows, steps]
    node: Tensor  # [rows] which node of the cache each row stands at


Engine = Callable[[LanguageModel, Sequence[Request]], Iterator[Generation]]


@checked
def fast(max_rows: PositiveCount = 256, merge: bool = True) -> Engine:
    """The engine whose shapes follow the batch: `decode` with these knobs."""
    return partial(decode, max_rows=max_rows, merge=merge)


def decode(
    model: LanguageModel, requests: Sequence[Request], *, max_rows: int = 256, merge: bool = True
) -> Iterator[Generation]:
    """Decode all requests, yielding each generation as it ends; not in the order of the requests.

    Args:
        model: any causal language model.
        requests: of any strategies, seeds and lengths, together.
        max_rows: how many rows are decoded at once at most; a single request may own more.
        merge: rows with the same prompt and the same tokens so far share one row of the cache and one forward pass.

    Raises:
        InputError: a prompt leaves no room in the model's context. Raised before anything is decoded.
    """
    check_room(model, requests)
    for batch in pack(requests, max_rows):
        yield from decode_batch(model, batch, merge=merge)


def check_room(model: LanguageModel, requests: Iterable[Request]) -> None:
    """Raise InputError for a prompt that leaves no room in the model's context."""
    for r in requests:
        if model.context is not None and len(r.tokens) >= model.context:
            raise InputError(
                f"prompt {r.prompt.id} ({r.prompt.text[:40]!r}) has {len(r.tokens)} tokens; "
                f"{model.name} has a context of {model.context}, which leaves no room for a continuation"
            )


def pack(requests: Sequence[Request], max_rows: int) -> Iterator[list[Request]]:
    """Cut requests into batches of at most `max_rows` rows.

    A batch holds a chunk of prompts under all their strategies, so that each prompt is prefilled once; prompts of
    similar length go together, so that little is padded; strategies whose rows move (width > 1) go apart from those
    whose rows do not, because moving rows costs the whole batch a gather of the cache.
    """
    place = {s: i for i, s in enumerate(dict.fromkeys(r.strategy for r in requests))}
    order = sorted(requests, key=lambda r: (r.strategy.width > 1, len(r.tokens), r.prompt.id, place[r.strategy]))
    batch: list[Request] = []
    rows = 0
    for r in order:
        if batch and (rows + r.strategy.width > max_rows or (r.strategy.width > 1) != (batch[0].strategy.width > 1)):
            yield batch
            batch, rows = [], 0
        batch.append(r)
        rows += r.strategy.width
    if batch:
        yield batch


@torch.inference_mode()
def decode_batch(model: LanguageModel, batch: Sequence[Request], *, merge: bool = True) -> Iterator[Generation]:
    """Decode one batch to the end; see `decode`."""
    groups, output, cache = _start(model, batch)
    hidden = any(g.strategy.needs_hidden for g in groups)
    step = 0
    while True:
        moves = [_advance(g, output.logits, output.hidden, step, model.eos) for g in groups]
        step += 1
        for g, over in zip(groups, _over(groups, moves, step, model.eos), strict=True):
            yield from _finish(g, over, model)
        groups = [g for g in groups if g.requests]
        if not groups:
            return
        parents, tokens = _nodes(groups, model.vocab, merge=merge)
        if len(parents) != len(output.logits) or not torch.equal(
            parents, torch.arange(len(parents), device=parents.device)
        ):
            cache.select(parents)
        output = model.extend(tokens, cache, hidden=hidden)


def _start(model: LanguageModel, batch: Sequence[Request]) -> tuple[list[Group], Any, Any]:
    """Prefill each distinct prompt once, and give every request its rows."""
    hidden = any(r.strategy.needs_hidden for r in batch)
    prompts = list(dict.fromkeys(r.tokens for r in batch))
    node_of = {p: i for i, p in enumerate(prompts)}
    output, cache = model.prefill(prompts, hidden=hidden)
    time = max(map(len, prompts))
    history = torch.tensor([[-1] * (time - len(p)) + list(p) for p in prompts], device=model.device)
    groups = []
    place = {s: i for i, s in enumerate(dict.fromkeys(r.strategy for r in batch))}
    for strategy, members in groupby(sorted(batch, key=lambda r: place[r.strategy]), key=lambda r: r.strategy):
        requests = list(members)
        one = torch.tensor([node_of[r.tokens] for r in requests], device=model.device)
        node = one.repeat_interleave(strategy.width)
        limits = [min(r.max_new_tokens, _room(model, r)) for r in requests]
        steps = max(limits) + strategy.lag
        draws = [uniforms(r.seed, r.prompt.id, r.sample, steps, w) for r in requests for w in range(strategy.width)]
        prompt_hidden = output.hidden[one] if strategy.needs_hidden and output.hidden is not None else None
        groups.append(
            Group(
                strategy,
                requests,
                torch.tensor(limits, device=model.device),
                strategy.start(Prefill(history[one], prompt_hidden)),
                history[node],
                torch.empty(len(node), 0, len(VALUES), device=model.device),
                torch.from_numpy(np.stack(draws)).to(model.device),
                node,
            )
        )
    if hidden and output.hidden is not None:
        output = replace(output, hidden=output.hidden[:, -1])
    return groups, output, cache


def _room(model: LanguageModel, request: Request) -> int:
    return request.max_new_tokens if model.context is None else model.context - len(request.tokens)


def _advance(group: Group, logits: Tensor, hidden: Tensor | None, step: int, eos: frozenset[int]) -> Step:
    """Let the strategy choose, and move the group's rows accordingly."""
    rows = logits[group.node]
    view = View(
        rows,
        group.history,
        group.draws[:, step],
        group.values,
        hidden[group.node] if group.strategy.needs_hidden and hidden is not None else None,
        step,
        eos,
        group.limits,
    )
    move, group.state = group.strategy.step(view, group.state)
    parents = move.parents
    if parents is not None:
        rows, group.node = rows[parents], group.node[parents]
        group.history, group.values = group.history[parents], group.values[parents]
    group.history = torch.cat([group.history, move.tokens[:, None]], 1)
    now = token_values(rows, move.tokens, move.logprobs, move.kept)
    group.values = torch.cat([group.values, now[:, None]], 1)
    return move


def _over(groups: Sequence[Group], moves: Sequence[Step], step: int, eos: frozenset[int]) -> list[list[bool]]:
    """Which requests of each group have ended. One transfer from the device for all groups."""
    flags = []
    for g, move in zip(groups, moves, strict=True):
        if move.done is not None:
            done = move.done
        else:
            first = move.tokens[:: g.strategy.width]
            done = torch.isin(first, torch.tensor(sorted(eos), dtype=first.dtype, device=first.device))
        flags.append(done | (g.limits + g.strategy.lag <= step))
    over = torch.cat(flags).tolist()
    starts = np.cumsum([0, *(len(g.requests) for g in groups)])
    return [over[a:b] for a, b in pairwise(starts)]


def _finish(group: Group, over: Sequence[bool], model: LanguageModel) -> Iterator[Generation]:
    """Yield the generations of the requests that are over, and drop those requests from the group."""
    if not any(over):
        return
    width = group.strategy.width
    new = group.values.shape[1]
    for i in (i for i, ended in enumerate(over) if ended):
        request = group.requests[i]
        rows = slice(i * width, (i + 1) * width)
        end = group.strategy.finish(group.history[rows, -new:], group.values[rows], group.state, i)
        tokens = tuple(end.tokens.tolist())
        finish: Finish = "length"
        if tokens and tokens[-1] in model.eos:
            finish = "eos"
        elif _room(model, request) < request.max_new_tokens:
            finish = "context"
        yield Generation(request, tokens, end.values.cpu().numpy(), finish, end.score)
    left = torch.tensor([i for i, ended in enumerate(over) if not ended], dtype=torch.long, device=group.node.device)
    rows_left = (left[:, None] * width + torch.arange(width, device=left.device)).flatten()
    group.requests = [r for r, ended in zip(group.requests, over, strict=True) if not ended]
    group.limits, group.state = group.limits[left], _keep(group.state, left)
    group.history, group.values = group.history[rows_left], group.values[rows_left]
    group.draws, group.node = group.draws[rows_left], group.node[rows_left]


def _keep(state: Any, requests: Tensor) -> Any:
    """The state of some of a group's requests: every tensor in a state has requests as its first axis."""
    if isinstance(state, Tensor):
        return state[requests]
    if isinstance(state, tuple):
        return tuple(_keep(part, requests) for part in state)
    if is_dataclass(state) and not isinstance(state, type):
        return replace(state, **{f.name: _keep(getattr(state, f.name), requests) for f in fields(state) if f.init})
    return state


def _nodes(groups: Sequence[Group], vocab: int, *, merge: bool) -> tuple[Tensor, Tensor]:
    """The distinct (node, token) pairs that the rows of all groups extend; every row's node becomes its pair's."""
    pair = torch.cat([g.node * vocab + g.history[:, -1] for g in groups])
    if merge:
        pair, index = torch.unique(pair, return_inverse=True)
    else:
        index = torch.arange(len(pair), device=pair.device)
    at = 0
    for g in groups:
        g.node = index[at : at + len(g.node)]
        at += len(g.node)
    return pair // vocab, pair % vocab
