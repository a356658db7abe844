"""The jobs of a sweep that turn the temperature alone: how they leave greedy, and their scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.configs import option
from harness.report.series import grouped
from harness.report.turns import turns
from harness.results import JobResult
from harness.stats import Interval
from harness.studies.checks import Check, same
from harness.studies.temperature.contexts import Contexts
from harness.studies.temperature.exact import exact
from harness.studies.temperature.partings import Partings, misjudged, rising
from harness.studies.temperature.scores import quality

SLACK = {"float32": 1e-4, "float64": 1e-4}
"""How near to a probability a draw may be and be decided by rounding, which differs between batches."""
COARSE = 0.05  # in other types


@dataclass(frozen=True, eq=False)
class Line:
    """The jobs of one setting of everything but temperature and seed, one of them at τ = 0."""

    title: str  # what tells it from the other lines; "" if it is the only one
    jobs: Mapping[float, Sequence[JobResult]]  # by temperature, rising
    partings: Sequence[Partings]  # of the temperatures above 0

    @property
    def longest(self) -> int:
        """Tokens of the longest text."""
        return max(len(tokens) for group in self.jobs.values() for job in group for tokens in job.generations["tokens"])


def lines(jobs: Sequence[JobResult]) -> list[Line]:
    """Those with a job at τ = 0 and at least two more temperatures."""
    found = []
    for turn in (turn for turn in turns(jobs) if turn.knob == "temperature"):
        for members in turn.lines:
            by_tau: dict[float, list[JobResult]] = dict(sorted(grouped(members, turn.value).items()))
            if 0.0 in by_tau:
                title = turn.name(members) if len(turn.lines) > 1 else ""
                parted = [Partings.of(tau, group, by_tau[0.0][0]) for tau, group in by_tau.items() if tau]
                found.append(Line(title, by_tau, parted))
    return found


def described(line: Line, places: Contexts, model: str) -> tuple[dict[str, Any], list[Check]]:
    """A line's numbers for answers.md, and what should hold of it.

    The first token is worked out too, from each text's own draw and the exact distribution at the end of its prompt.

    Args:
        line: of the model.
        places: the model's logits, among them those at the ends of the prompts.
        model: its name.
    """
    rows = [_row(each) for each in line.partings]
    checks = []
    ends = {p: row for p, at, row in zip(places.prompt_ids, places.places, places.logits, strict=True) if at == 0}
    job = line.jobs[0.0][0]
    if _plain(job) and set(job.generations["prompt_id"]) <= set(ends):
        slack, wrong = SLACK.get(str(job.provenance["dtype"]), COARSE), 0
        for row, each in zip(rows, line.partings, strict=True):
            distance = {prompt: float(exact(logits, [each.tau]).from_greedy[0]) for prompt, logits in ends.items()}
            row["expected"] = float(np.mean(list(distance.values())))
            wrong += misjudged(each, distance, slack)
        checks.append(same(f"{model}: texts whose first token is not what their draw says", 0, wrong))
    longer = f"{model}: texts that follow greedy for longer than at the next lower temperature"
    checks.append(same(f"{longer} {line.title}".strip(), 0, rising(line.partings)))
    facts = {"title": line.title, "rows": rows, "longest": line.longest, "quality": quality(line.jobs)}
    return facts, checks


def _plain(job: JobResult) -> bool:
    """Whether nothing but the temperature shapes the distribution that a job samples from."""
    off = option("strategy", "sample")
    return all(value == off.get(knob) for knob, value in job.config["strategy"].items() if knob != "temperature")


def _row(found: Partings) -> dict[str, Any]:
    (median, middle), (share, together) = found.median(), found.together()
    return {
        "tau": found.tau,
        "median": [median, *_ends(middle)],
        "quartiles": list(found.quartiles()),
        "together": [share, *_ends(together)],
        "at_once": found.at_once(),
        "expected": None,
    }


def _ends(interval: Interval) -> list[float | None]:
    return [None if math.isnan(end) else end for end in (interval.low, interval.high)]
