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
    groups = by_seed(jobs)
    sets = grouped(groups, lambda group: group[0].reference)

    def strategy(group: Sequence[JobResult]) -> str:
        return f"{group[0].choices.get('strategy')} {key(group[0].config.get('strategy'))}"

    if any(len(set(map(strategy, inside))) < len(inside) for inside in sets.values()):
        said = {id(group): label for group, label in zip(groups, shared(groups), strict=True)}
        name: Callable[[Sequence[JobResult]], str] = lambda group: said[id(group)]  # noqa: E731
        labels = {name(group): name(group) for group in groups}
    else:  # within a panel the strategy tells the series apart: whatever else the labels say is the panel's
        name = strategy
        alike = grouped(groups, strategy)
        labels = dict(
            zip(alike, shared([[job for group in each for job in group] for each in alike.values()]), strict=True)
        )
    looks = {each: look(index) for index, each in enumerate(dict.fromkeys(map(name, groups)))}
    by_label = {each.label: each for each in references}
    return [
        Panel(
            title=visible((label or "").removeprefix("reference").strip() or label or "no reference")
            if len(sets) > 1
            else "",
            series=[Series(visible(labels[name(g)]), tuple(draws(g)), looks[name(g)]) for g in inside],
            references=by_label.get(label or ""),
        )
        for label, inside in sets.items()
    ]


def by_seed(jobs: Iterable[JobResult]) -> list[list[JobResult]]:
    """Jobs that differ in their seed and in nothing else, together; one whose config names no seed is alone.

    A second run under the same seed, which another device may have made write other tokens, begins another group.
    """
    groups: dict[object, list[JobResult]] = {}
    for job in jobs:
        setting = key(job.config, without=("seed", "name")) if "seed" in job.config else job.label
        run = 0
        while any(job.config.get("seed") == other.config.get("seed") for other in groups.get((setting, run), ())):
            run += 1
        groups.setdefault((setting, run), []).append(job)
    return list(groups.values())


def draws(group: Sequence[JobResult]) -> list[JobResult]:
    """The jobs of a group of `by_seed` that chance has made: only the first where all hold the same texts."""
    same = group[0].texts and len({job.texts for job in group}) == 1
    return list(group[:1] if same else group)


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


def shared(groups: Sequence[Sequence[JobResult]]) -> list[str]:
    """What the labels of each group have in common; what others so leave out of theirs, a lone job leaves out, too.

    Beside "greedy", of two seeds, "beam seed=0" is "beam": unless two labels would be the same then.
    """
    labels = [common(job.label for job in group) for group in groups]
    left = {
        _setting(word)
        for group, label in zip(groups, labels, strict=True)
        for job in group
        for word in job.label.split()
        if word not in label.split()
    }
    shorter = [" ".join(word for word in label.split() if _setting(word) not in left) or label for label in labels]
    return [
        full if len(group) > 1 or shorter.count(short) > 1 else short
        for group, full, short in zip(groups, labels, shorter, strict=True)
    ]


def _setting(word: str) -> str:
    """What a word of a label sets: "seed=" of "seed=0"; the word itself where it is no number's."""
    name, sign, _ = word.partition("=")
    return name + sign if sign else word
