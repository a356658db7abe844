"""What keeps the jobs of several sweeps from being ranked against each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.report.series import grouped
from harness.results import Sweep
from harness.signature import FREE, parse

SIZE = frozenset({"texts", "references", "buckets"})
"""Fields that say how many texts a score is of. A strategy that draws gives several per prompt, another one: a table
shows such scores unranked, and that keeps no other from being ranked."""

_NAMED = 3  # jobs and scores that a message names at most


@dataclass(frozen=True)
class _Signed:
    """A signature, and whose it is."""

    sweep: str
    job: str
    fields: Mapping[str, str]


def obstacles(sweeps: Sequence[Sweep]) -> list[str]:
    """The fields of signatures in which jobs differ, strategy and seed aside, with the values and whose they are.

    A sweep by itself has none: if it is one over models, say, its report shows it unranked. Fields of scores are named
    where those of the jobs agree.
    """
    if len(sweeps) == 1:
        return []
    names = _names(sweeps)
    owners = [(name, job) for name, sweep in zip(names, sweeps, strict=True) for job in sweep.jobs]
    found = _differing([_Signed(name, job.label, parse(job.signature)) for name, job in owners], FREE)
    if found:
        return [f"{field} is {said}" for field, said in found.items()]
    scores = dict.fromkeys(score.name for _, job in owners for score in job.scores)
    by_difference = grouped(
        (
            (name, field, said)
            for name in scores
            for field, said in _differing(
                [
                    _Signed(sweep, job.label, parse(score.signature))
                    for sweep, job in owners
                    for score in job.scores
                    if score.name == name and not math.isnan(score.value)
                ],
                FREE | SIZE,
            ).items()
        ),
        lambda found: found[1:],
    )
    return [
        f"{field} of {_listed([name for name, _, _ in alike])} is {said}"
        for (field, said), alike in by_difference.items()
    ]


def _names(sweeps: Sequence[Sweep]) -> list[str]:
    """What a message calls each sweep: its folder, or as much of its path as it takes to tell it from the others."""
    paths = [sweep.folder.parts for sweep in sweeps]
    for depth in range(1, max(map(len, paths), default=1) + 1):
        names = ["/".join(path[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            break
    return names


def _differing(signed: Sequence[_Signed], free: Iterable[str]) -> dict[str, str]:
    """Field -> its values in words, of those that differ."""
    fields = dict.fromkeys(field for each in signed for field in each.fields if field not in free)
    found = {}
    for field in fields:
        values = grouped(signed, lambda each: each.fields.get(field, "absent"))  # noqa: B023  called at once
        if len(values) > 1:
            found[field] = " and ".join(f"{value} in {_whose(each)}" for value, each in values.items())
    return found


def _whose(signed: Sequence[_Signed]) -> str:
    sweeps = grouped(signed, lambda each: each.sweep)
    return ", ".join(f"{name} ({_listed([each.job for each in jobs])})" for name, jobs in sweeps.items())


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
