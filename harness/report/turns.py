"""The knobs that a sweep turns: jobs that differ in one knob of their strategy and in nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.report.escape import visible
from harness.report.series import grouped, key
from harness.results import JobResult

VALUES = 3  # fewer values of a knob are better read in the table


@dataclass(frozen=True)
class Turn:
    """A knob, and the jobs that differ in it."""

    knob: str
    lines: list[list[JobResult]]  # within a line jobs differ in the knob and the seed alone

    def value(self, job: JobResult) -> float:
        """Where the job has the knob."""
        return float(job.config["strategy"][self.knob])

    def values(self) -> list[float]:
        """All values of the knob, sorted."""
        return sorted({self.value(job) for line in self.lines for job in line})

    def name(self, line: Sequence[JobResult]) -> str:
        """What tells a line from the others: what was chosen in Hydra's groups, then the knobs that differ."""
        (job, *_), firsts = line, [each[0] for each in self.lines]
        words = [
            choice for group, choice in job.choices.items() if len({first.choices.get(group) for first in firsts}) > 1
        ]
        alike = [_flat(first) for first in firsts if first.choices == job.choices]
        for name, value in _flat(job).items():
            if name != f"strategy.{self.knob}" and len({key(each.get(name)) for each in alike}) > 1:
                words.append(f"{name.rpartition('.')[2]}={value}")
        return visible(" ".join(words))


def turns(jobs: Sequence[JobResult]) -> list[Turn]:
    """Every knob that is a number and has at least `VALUES` values in jobs that differ in nothing else but the seed."""
    nodes = [node for job in jobs if isinstance(node := job.config.get("strategy"), dict)]
    found = []
    for knob in dict.fromkeys(name for node in nodes for name in node):
        turning = [job for job in jobs if _is_number((job.config.get("strategy") or {}).get(knob))]
        groups = grouped(turning, lambda job: _but(job, knob)).values()  # noqa: B023  called at once
        lines = [line for line in groups if len({job.config["strategy"][knob] for job in line}) >= VALUES]
        if lines:
            found.append(Turn(knob, lines))
    return found


def _but(job: JobResult, knob: str) -> str:
    """What a job's line has in common."""
    strategy = {name: value for name, value in job.config["strategy"].items() if name != knob}
    return key([job.config | {"strategy": strategy, "seed": None, "name": None}, job.choices, job.reference])


def _flat(job: JobResult) -> dict[str, object]:
    """The config without what may differ within a line or says nothing: two levels as one."""
    parts = {group: value for group, value in job.config.items() if group not in ("seed", "name")}
    return {
        f"{group}.{name}": value
        for group, node in parts.items()
        for name, value in (node.items() if isinstance(node, dict) else [("", node)])
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
