"""Which texts MAUVE sets against which: rows of the references and of the generations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2s

import numpy as np
from numpy.typing import NDArray

from harness.jackknife import groups

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Pair:
    """The texts of one comparison, as rows of either side."""

    p: Rows  # of the references
    q: Rows  # of the generations

    @property
    def smaller(self) -> int:
        """The texts of the side that has fewer."""
        return min(len(self.p), len(self.q))


def smallest(pairs: Sequence[Pair]) -> int:
    """The texts of the smaller side of the smallest pair; 0 without pairs."""
    return min((pair.smaller for pair in pairs), default=0)


def sample_sets(prompt_ids: Sequence[str], least: int) -> list[Rows]:
    """The first text of every prompt, the second of every prompt and so on, each in the order of the prompts' ids.

    A set that lacks a prompt is left out: it would be smaller, and MAUVE depends on how many texts there are. Where
    there are fewer than `least` prompts, as when one empty prompt has a thousand samples, all texts are one set.

    Which text of a prompt is its first is told by the order in which they come; the order of prompts moves nothing.
    Numbers within ids are in the order of their values, so that numbered prompts stay as they are.
    """
    counts: dict[str, int] = {}
    numbers = []
    for name in prompt_ids:
        counts[name] = counts.get(name, -1) + 1
        numbers.append(counts[name])
    keys = [(re.sub(r"\d+", lambda found: found[0].zfill(20), name), name) for name in prompt_ids]
    order = np.array(sorted(range(len(prompt_ids)), key=lambda i: (keys[i], numbers[i])), dtype=np.int64)
    if len(counts) < least:
        return [order]
    number = np.array(numbers, dtype=np.int64)[order]
    complete = min(counts.values(), default=-1) + 1
    return [order[number == i] for i in range(complete)]


def whole(p: Sequence[Rows], q: Sequence[Rows]) -> list[Pair]:
    """Each set of the generations against a set of the references, in turn where those are fewer."""
    return [Pair(p[i % len(p)], rows) for i, rows in enumerate(q)]


def split(pairs: Sequence[Pair], p_ids: Sequence[str], q_ids: Sequence[str], splits: int) -> list[Pair]:
    """References of one half of the prompts against generations of the other half, for every pair and split.

    Splits 0 and 1 are the two directions of one division, 2 and 3 those of another. The halves are as equal as can be
    and depend on the ids alone: the same for every strategy, in any order.
    """
    found = []
    for number in range(splits):
        half = _halves([*p_ids, *q_ids], number // 2)
        p = np.array([half[name] == number % 2 for name in p_ids], dtype=bool)
        q = np.array([half[name] != number % 2 for name in q_ids], dtype=bool)
        found += [Pair(pair.p[p[pair.p]], pair.q[q[pair.q]]) for pair in pairs]
    return found


def _halves(prompt_ids: Sequence[str], division: int) -> dict[str, int]:
    """0 or 1 for every prompt."""
    salt = division.to_bytes(8, "little")

    def place(name: str) -> tuple[bytes, str]:
        return blake2s(name.encode(), digest_size=8, salt=salt).digest(), name

    return {name: index % 2 for index, name in enumerate(sorted(set(prompt_ids), key=place))}


def shared_groups(p_ids: Sequence[str], q_ids: Sequence[str]) -> tuple[Rows, Rows]:
    """The group of prompts of every text of either side, from 0: `jackknife.groups` of the generations' prompts.

    References of prompts that have no generation fall into as many groups of their own.
    """
    q = groups(q_ids)
    place = dict(zip(q_ids, q.tolist(), strict=True))
    others = [name for name in p_ids if name not in place]
    count = max(place.values(), default=0) + 1
    place |= {name: int(group) % count for name, group in zip(others, groups(others), strict=True)}
    return np.array([place[name] for name in p_ids], dtype=np.int64), q
