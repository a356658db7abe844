"""What sentences about a sweep are put together from: lists, counts, and strategies that are level."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from harness.results import Sweep

NAMED = 3  # strategies that a sentence names, and those that are level with the last of them
MOST = 6  # if they are no more than this


@dataclass(frozen=True)
class Level:
    """The strategies that have one value."""

    value: Any
    names: tuple[str, ...]

    @property
    def said(self) -> str:
        """Their names, or of many their number."""
        return listed(self.names) if len(self.names) <= MOST else f"{len(self.names)} strategies"

    @property
    def each(self) -> str:
        """Follows what every one of several has."""
        return " each" if len(self.names) > 1 else ""


def levels(given: Iterable[tuple[Any, str]]) -> tuple[list[Level], int]:
    """The largest values with the names that have them, and how many names there are besides.

    Of names that are level all are there, or none.
    """
    ordered = sorted(given, key=lambda each: each[0], reverse=True)
    found: list[Level] = []
    count = 0
    for value, level in groupby(ordered, key=lambda each: each[0]):
        one = Level(value, tuple(name for _, name in level))
        if found and (count >= NAMED or count + len(one.names) > MOST):
            break
        found.append(one)
        count += len(one.names)
    return found, len(ordered) - count


def listed(parts: Sequence[str]) -> str:
    """a; a and b; a, b and c; a, and b and c."""
    last = ", and " if any(" and " in part for part in parts) else " and "
    return last.join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def prompts(sweep: Sweep) -> str:
    """How many prompts the jobs have: "6 prompts", "6 to 24 prompts"; "6 prompts each" where they are not the same."""
    sets = [set(job.generations["prompt_id"]) for job in sweep.jobs]
    least, most = min(map(len, sets)), max(map(len, sets))
    if least < most:
        return f"{least:,} to {most:,} prompts"
    return f"{most:,} prompt{'s' * (most != 1)}" + (" each" if len(set.union(*sets)) > most else "")
