"""The rules in a sweep: the knob of sampling that a job sets, and the jobs that set no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.combines import number
from harness.configs import option
from harness.evidence import Evidence
from harness.results import JobResult

ENTROPY = "strategy entropy"
"""Mean surprise of a token under the distribution that it was drawn from, in nats: how diverse a rule is."""


def rules(jobs: Sequence[JobResult]) -> tuple[dict[str, list[JobResult]], list[str]]:
    """Knob -> the jobs that set it and nothing else, by its value, plain sampling among them; labels of all others.

    Plain sampling sets nothing: every rule ends there. Knobs with a single value are no rule.
    """
    off = option("strategy", "sample")
    plain, found, others = [], dict[str, list[JobResult]](), []
    for job in jobs:
        node: Mapping[str, Any] = job.config["strategy"]
        given = [knob for knob, value in node.items() if value != off.get(knob)]
        if node["factory"] != off["factory"] or len(given) > 1:
            others.append(job.label)
        elif given:
            found.setdefault(given[0], []).append(job)
        else:
            plain.append(job)
    kept = {}
    for knob, members in found.items():
        line = sorted([*members, *plain], key=lambda job: float(job.config["strategy"][knob]))
        if len(line) > 1:
            kept[knob] = line
        else:
            others += [job.label for job in members]
    return kept, others


def entropy(job: JobResult) -> Evidence | None:
    """That of `ENTROPY`: minus the log-probabilities of the drawn tokens, over all tokens.

    A drawn token's surprise is, on average, the entropy of what it was drawn from. None where nothing was drawn.
    """
    rows = job.generations
    summands = np.array([[-np.sum(v, dtype=np.float64), len(v)] for v in rows["strategy_logprob"]]).reshape(-1, 2)
    if not np.isfinite(summands).all() or not summands[:, 1].sum():
        return None
    units = rows["prompt_id"].to_numpy(dtype=np.str_)
    return Evidence(ENTROPY, ENTROPY, number(summands, "ratio"), "ratio", units, summands, "")
