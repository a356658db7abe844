"""Which jobs hold the same texts: they are one hypothesis, however many rows they have."""

from __future__ import annotations

from collections.abc import Sequence

from harness.results import JobResult
from harness.signature import FREE, parse


def alike(jobs: Sequence[JobResult]) -> tuple[int, ...]:
    """Of each job, the first one that holds the same texts, from the same model and compared with the same references.

    A strategy that draws nothing gives them under any seed, and so do two that came to the same: a test between them
    asks nothing, and one of each against a third is one test. A job whose texts are not known is like no other.
    """
    first: dict[object, int] = {}
    found = []
    for row, job in enumerate(jobs):
        fields = {name: value for name, value in parse(job.signature).items() if name not in FREE}
        known = (job.texts, job.reference, *sorted(fields.items())) if job.texts else row
        found.append(first.setdefault(known, row))
    return tuple(found)
