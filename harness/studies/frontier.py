"""The study behind `experiment=frontier`: quality against diversity, rule by rule, and the rules at equal diversity."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.configs import option
from harness.evidence import Evidence
from harness.knobs import PositiveCount
from harness.report import style
from harness.report.tables import find
from harness.results import JobResult
from harness.studies.base import Answer, Setting
from harness.studies.frontiers import figures
from harness.studies.frontiers.contest import Curve, Round, contest
from harness.studies.frontiers.rules import ENTROPY, entropy, rules
from harness.studies.replicates import Groups, replicates

Floats = NDArray[np.float64]

AXES = (ENTROPY, "diversity")
QUALITIES = {"perplexity": False, "mauve": True, "rep-4": False}
"""Score -> whether more of it is better at equal diversity; perplexities of other readers are taken like the first."""


@dataclass(frozen=True)
class Contest:
    """The rules by one quality at equal values of one axis."""

    axis: str
    quality: str
    high: bool
    reference: float | None
    rounds: list[Round]

    @property
    def winners(self) -> dict[str, int]:
        """Rule -> rounds that it won alone, the first the most."""
        alone = [each.best[0] for each in self.rounds if len(each.best) == 1]
        return {rule: alone.count(rule) for rule in sorted(set(alone), key=lambda rule: -alone.count(rule))}

    @property
    def shown(self) -> dict[str, list[str]]:
        """Rule -> those that it was shown to beat in some round."""
        beaten: dict[str, set[str]] = {}
        for each in self.rounds:
            beaten.setdefault(each.best[0], set()).update(each.worse)
        return {rule: sorted(others) for rule, others in beaten.items() if others}


def frontier(setting: Setting, *, levels: PositiveCount = 4) -> Answer:
    """Draw every rule's curve, and compare the rules where they are equally diverse.

    Args:
        setting: a sweep whose jobs set one knob of sampling each, and one that sets none; of one model and seed.
        levels: how many diversities, equally far apart over what all rules reach, or all but one.
    """
    jobs = [job for job in setting.sweep.jobs if _alike(job, setting.sweep.jobs[0])]
    lines, others = rules(jobs)
    others += [job.label for job in setting.sweep.jobs if job not in jobs]
    evidence = {job.label: _evidence(job) for job in jobs}
    groups, off = Groups(jobs[0].generations["prompt_id"].tolist()), option("strategy", "sample")
    names = _qualities(jobs)
    contests = [
        _contest(axis, name, high, lines, evidence, groups, levels) for axis in AXES for name, high in names.items()
    ]
    facts = {
        "model": str(jobs[0].provenance["model"]),
        "prompts": len(set(groups.prompt_ids)),
        "groups": groups.number,
        "enough": groups.enough,
        "resamples": groups.resamples,
        "levels": levels,
        "rules": {rule: [float(job.config["strategy"][rule]) for job in line] for rule, line in lines.items()},
        "off": {rule: float(off[rule]) for rule in lines},
        "others": others,
        "points": _points(lines, evidence, names),
        "contests": contests,
        "mauve": "mauve" in names,
        "qualities": list(names),
        "axes": list(AXES),
        "winners": {each.quality: each.winners for each in contests if each.axis == ENTROPY},
        "figures": _figures(setting, lines, evidence, contests),
    }
    return Answer(facts)


def _alike(job: JobResult, first: JobResult) -> bool:
    """Whether two jobs differ in their strategy alone: the others of several models or seeds are left out."""
    return all(job.config.get(key) == first.config.get(key) for key in ("model", "seed", "prompts", "max_new_tokens"))


def _evidence(job: JobResult) -> dict[str, Evidence]:
    own = entropy(job)
    return dict(job.evidence) | ({ENTROPY: own} if own else {})


def _qualities(jobs: Sequence[JobResult]) -> dict[str, bool]:
    """The scores that every job has, and whether more of each is better."""
    names = dict.fromkeys(score.name for job in jobs for score in job.scores if not math.isnan(score.value))
    wanted = {name: QUALITIES[name] for name in QUALITIES if name in names}
    readers = {name: False for name in names if name.startswith("perplexity[")}
    return {
        name: high
        for name, high in (wanted | readers).items()
        if all(name in job.evidence and math.isfinite(job.evidence[name].value) for job in jobs)
    }


def _contest(
    axis: str,
    quality: str,
    high: bool,
    lines: Mapping[str, Sequence[JobResult]],
    evidence: Mapping[str, Mapping[str, Evidence]],
    groups: Groups,
    levels: int,
) -> Contest:
    curves: dict[str, Curve] = {}
    for rule, line in lines.items():
        given = [evidence[job.label] for job in line]
        if all(axis in each and quality in each for each in given):
            x, y = (np.array([each[name].value for each in given]) for name in (axis, quality))
            curves[rule] = (x, y, replicates(groups, given, axis), replicates(groups, given, quality))
    scores = [score for line in lines.values() for job in line if (score := find(job.scores, quality))]
    reference = next((score.reference for score in scores if score.reference is not None), None)
    log = quality.startswith("perplexity")
    return Contest(axis, quality, high, reference, contest(curves, groups, levels, high=high, log=log))


def _points(
    lines: Mapping[str, Sequence[JobResult]],
    evidence: Mapping[str, Mapping[str, Evidence]],
    names: Mapping[str, bool],
) -> list[dict[str, Any]]:
    """Every job's place on the axes, rule by rule."""
    rows = []
    for rule, line in lines.items():
        for job in line:
            own = evidence[job.label]
            values = {name: own[name].value if name in own else None for name in (*AXES, *names)}
            rows.append({"rule": rule, "knob": float(job.config["strategy"][rule]), "values": values})
    return rows


def _figures(
    setting: Setting,
    lines: Mapping[str, Sequence[JobResult]],
    evidence: Mapping[str, Mapping[str, Evidence]],
    contests: Sequence[Contest],
) -> dict[str, str]:
    drawn = {}
    for axis in AXES:
        panels = []
        for each in (each for each in contests if each.axis == axis):
            marks: dict[str, list[figures.Mark]] = {}
            for rule, line in lines.items():
                given = [(evidence[job.label], find(job.scores, each.quality)) for job in line]
                marks[rule] = [
                    (own[axis].value, score.value, score.low, score.high)
                    for own, score in given
                    if score and axis in own
                ]
            panels.append(figures.Panel(each.quality, marks, each.reference, [round.at for round in each.rounds]))
        if panels:
            with style.styled():
                figure = figures.curves(axis, panels)
            drawn[axis] = setting.save(figure, f"frontier_{axis.replace(' ', '_')}")
    return drawn
