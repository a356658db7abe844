"""Jobs as figures draw them: seeds together, one look per strategy, one panel per set of references."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from harness.report.escape import visible
from harness.report.style import Look, look
from harness.results import JobResult, References

T = TypeVar("T")


@dataclass(frozen=True)
class Series:
    """Jobs that differ in nothing but their seed, drawn as one."""

    label: str
    jobs: tuple[JobResult, ...]
    look: Look


@dataclass(frozen=True)
class Panel:
    """Series that are compared with the same references."""

    title: str  # "" where there is only one panel
    series: list[Series]
    references: References | None


def panels(jobs: Sequence[JobResult], references: Sequence[References]) -> list[Panel]:
    """The panels of a sweep: one, or one per set of references where, say, several models are compared.

    A strategy looks the same in every panel, and is labelled by what its labels there have in common.
    """
    groups = list(grouped(jobs, lambda job: key(job.config, without=("seed", "name"))).values())
    sets = grouped(groups, lambda group: group[0].reference)

    def strategy(group: Sequence[JobResult]) -> str:
        return f"{group[0].choices.get('strategy')} {key(group[0].config.get('strategy'))}"

    if any(len(set(map(strategy, inside))) < len(inside) for inside in sets.values()):
        name: Callable[[Sequence[JobResult]], str] = lambda group: common(job.label for job in group)  # noqa: E731
        labels = {name(group): name(group) for group in groups}
    else:  # within a panel the strategy tells the series apart: whatever else the labels say is the panel's
        name = strategy
        labels = {k: common(j.label for g in alike for j in g) for k, alike in grouped(groups, strategy).items()}
    looks = {each: look(index) for index, each in enumerate(dict.fromkeys(map(name, groups)))}
    by_label = {each.label: each for each in references}
    return [
        Panel(
            title=visible((label or "").removeprefix("reference").strip() or label or "no reference")
            if len(sets) > 1
            else "",
            series=[Series(visible(labels[name(g)]), tuple(g), looks[name(g)]) for g in inside],
            references=by_label.get(label or ""),
        )
        for label, inside in sets.items()
    ]


def grouped(things: Iterable[T], by: Callable[[T], Any]) -> dict[Any, list[T]]:
    """Things by their key, in the order in which the keys first come."""
    groups: dict[Any, list[T]] = {}
    for thing in things:
        groups.setdefault(by(thing), []).append(thing)
    return groups


def key(value: Any, without: Sequence[str] = ()) -> str:
    """A string that equal pieces of a config share; `without` names top-level keys to leave out."""
    if isinstance(value, dict):
        value = {k: v for k, v in value.items() if k not in without}
    return json.dumps(value, sort_keys=True, default=str)


def common(labels: Iterable[str]) -> str:
    """The words that all labels share, in the first one's order; the first label where they share none."""
    first, *others = labels
    words = [word for word in first.split() if all(word in other.split() for other in others)]
    return " ".join(words).rstrip(" ,;:·/") or first
