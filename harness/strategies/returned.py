"""What a strategy returned, looked at before anything is done with it: on CUDA a wrong index ends the process."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

from harness.strategies.base import VALUES, Finished, Step


def check_step(move: Any, requests: int, width: int, vocab: int, device: torch.device) -> None:
    """Raise ValueError for what is no step of so many requests, with what is wrong.

    Args:
        move: what `Strategy.step` returned first.
        requests: of the group.
        width: rows of each.
        vocab: how many tokens there are.
        device: of the rows.
    """
    if not isinstance(move, Step):
        raise ValueError(f"step returned a {type(move).__name__} first; must be a Step")
    rows = requests * width
    _check("Step.tokens", move.tokens, (rows,), torch.int64, device)
    tokens = move.tokens.tolist()  # 2 µs for 64 rows, where aminmax and two comparisons take 7
    _check_range("Step.tokens", tokens, vocab)
    if move.parents is not None:
        _check("Step.parents", move.parents, (rows,), torch.int64, device)
        for row, parent in enumerate(move.parents.tolist()):
            if parent // width != row // width:
                own = row // width * width
                rows_of = f"its request has the rows {own} to {own + width - 1}"
                raise ValueError(f"Step.parents: row {row} continues row {parent}; {rows_of}")
    if move.done is not None:
        _check("Step.done", move.done, (requests,), torch.bool, device)
    for name in ("logprobs", "kept", "kept_mass"):
        if (value := getattr(move, name)) is not None:
            _check(f"Step.{name}", value, (rows,), None, device)


def check_state(state: Any, requests: int) -> None:
    """Raise ValueError for a state with a tensor whose first axis is not the requests."""
    if isinstance(state, Tensor):
        if not state.ndim or len(state) != requests:
            raise ValueError(
                f"the state has a tensor of shape {list(state.shape)}; the first axis of each must be the {requests} "
                "requests"
            )
    elif isinstance(state, tuple):
        for part in state:
            check_state(part, requests)
    elif is_dataclass(state) and not isinstance(state, type):
        for f in fields(state):
            if f.init:
                check_state(getattr(state, f.name), requests)


def check_finished(end: Any, vocab: int) -> None:
    """Raise ValueError for what is no continuation."""
    if not isinstance(end, Finished):
        raise ValueError(f"finish returned a {type(end).__name__}; must be a Finished")
    tokens = end.tokens
    if not isinstance(tokens, Tensor) or tokens.ndim != 1 or tokens.dtype != torch.int64:
        raise ValueError(f"Finished.tokens is {_said(tokens)}; must be int64 of one axis")
    _check_range("Finished.tokens", tokens.tolist(), vocab)
    if not isinstance(end.values, Tensor) or end.values.shape != (len(tokens), len(VALUES)):
        raise ValueError(f"Finished.values is {_said(end.values)}; must have the shape {[len(tokens), len(VALUES)]}")


def _check_range(name: str, tokens: list[int], vocab: int) -> None:
    if tokens and (min(tokens) < 0 or max(tokens) >= vocab):
        wrong = next(t for t in tokens if not 0 <= t < vocab)
        raise ValueError(f"{name} holds {wrong}; the model has tokens 0 to {vocab - 1}")


def _check(name: str, value: Any, shape: tuple[int, ...], dtype: torch.dtype | None, device: torch.device) -> None:
    if not isinstance(value, Tensor) or value.shape != shape or (dtype is not None and value.dtype != dtype):
        wanted = f"{_named(dtype)} of shape {list(shape)}" if dtype is not None else f"of shape {list(shape)}"
        raise ValueError(f"{name} is {_said(value)}; must be {wanted}")
    if value.device != device:
        raise ValueError(f"{name} is on {value.device}; must be on {device}")


def _said(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{_named(value.dtype)} of shape {list(value.shape)}"
    return f"a {type(value).__name__}"


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
