"""Requests of one strategy that have come unequally far: a group in parts, and parts of a group together again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from harness.group import Group


def split(group: Group, chosen: Sequence[bool]) -> tuple[Group, Group]:
    """The requests of a group that are chosen, and the others. The group itself, without a company, stays as it is."""
    parts = replace(group), replace(group)
    for part, wanted in zip(parts, (True, False), strict=True):
        part.keep([i for i, c in enumerate(chosen) if c is wanted])
    return parts


def together(groups: Iterable[Group]) -> list[Group]:
    """Parts of the same groups: those that stand at one step become one, if their states can be one tensor."""
    found: list[list[Group]] = []
    for group in (g for g in groups if g.requests):
        same = next((s for s in found if _alike(s[0], group)), None)
        if same is None:
            found.append([group])
        else:
            same.append(group)
    return [_joined(same) for same in found]


def _alike(one: Group, other: Group) -> bool:
    """Whether two groups can be one. Parts of one group have histories and draws of equal width."""
    if one.strategy is not other.strategy or one.step != other.step:
        return False
    try:
        return bool(_shape(one.state) == _shape(other.state))
    except Exception:  # of something in a state that is neither a tensor nor can be compared
        return False


def _joined(groups: Sequence[Group]) -> Group:
    if len(groups) == 1:
        return groups[0]

    def cat(name: str) -> Tensor:
        return torch.cat([getattr(g, name) for g in groups])

    return replace(
        groups[0],
        requests=[r for g in groups for r in g.requests],
        limits=cat("limits"),
        state=_cat([g.state for g in groups]),
        history=cat("history"),
        values=cat("values"),
        draws=cat("draws"),
        node=cat("node"),
    )


def _shape(state: Any) -> Any:
    """What two states have in common if they can be one: all but the number of requests."""
    if isinstance(state, Tensor):
        return state.dtype, state.shape[1:]
    if isinstance(state, tuple):
        return tuple(map(_shape, state))
    if is_dataclass(state) and not isinstance(state, type):
        return type(state), [_shape(getattr(state, f.name)) for f in fields(state) if f.init]
    return state


def _cat(states: Sequence[Any]) -> Any:
    first = states[0]
    if isinstance(first, Tensor):
        return torch.cat(list(states))
    if isinstance(first, tuple):
        return tuple(map(_cat, zip(*states, strict=True)))
    if is_dataclass(first) and not isinstance(first, type):
        return replace(first, **{f.name: _cat([getattr(s, f.name) for s in states]) for f in fields(first) if f.init})
    return first
