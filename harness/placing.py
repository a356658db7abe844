"""Which node of the cache the rows of a batch extend, numbered so that little has to move."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.group import Group


def place(groups: Sequence[Group], vocab: int, owner: Tensor, *, merge: bool) -> tuple[Tensor, Tensor, Tensor]:
    """The nodes that the rows of all groups extend; rows get their node's number.

    With `merge` these are the distinct (node, token) pairs. They are numbered so that as little of the cache as can be
    is copied: a node's first child stays in its place, and the other children take the places that are free, those of
    their own prompt first, because what two rows share need not be copied.

    Args:
        groups: whose rows stand at old nodes, and have one token more than those.
        vocab: how many tokens there are.
        owner: [old nodes] the prompt of each.
        merge: see `decode`.

    Returns:
        [nodes] each: parents among the old nodes, tokens and prompts.
    """
    pair = torch.cat([g.node * vocab + g.history[:, -1] for g in groups])
    if merge:
        pair, index = torch.unique(pair, return_inverse=True)
    else:
        pair, order = pair.sort()
        index = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
    parent = pair // vocab
    prompt = owner[parent]
    number = numbers(parent, owner)
    first = 0
    for g in groups:
        g.node = number[index[first : first + len(g.node)]]
        first += len(g.node)
    order = number.argsort()
    return parent[order], (pair % vocab)[order], prompt[order]


def numbers(parent: Tensor, owner: Tensor) -> Tensor:
    """New nodes with sorted parents -> their numbers, such that few of them have to move; see `place`."""
    count = len(parent)
    stays = parent < count
    stays[1:] &= parent[1:] != parent[:-1]  # sorted by parent, so the first child comes first
    number = parent.where(stays, -1)
    free = torch.ones(count, dtype=torch.bool, device=parent.device)
    free[parent[stays]] = False
    holes, others = free.nonzero()[:, 0], (~stays).nonzero()[:, 0]
    if len(others):
        left = owner[holes.clamp(max=len(owner) - 1)].where(holes < len(owner), -1)
        wants, offers = _numbered(owner[parent[others]], count), _numbered(left, count)
        at = torch.searchsorted(offers[0], wants[0]).clamp(max=len(holes) - 1)
        met = offers[0][at] == wants[0]
        number[others[wants[1][met]]] = holes[offers[1][at[met]]]
        rest = torch.ones_like(holes, dtype=torch.bool)
        rest[offers[1][at[met]]] = False
        number[others[wants[1][~met]]] = holes[rest]
    return number


def _numbered(prompts: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Sorted keys of (prompt, which of its entries), unlike for all entries of fewer than `count`; and their places."""
    ordered, place = prompts.sort(stable=True)
    which = torch.arange(len(ordered), device=ordered.device) - torch.searchsorted(ordered, ordered)
    return ordered * (count + 1) + which, place
