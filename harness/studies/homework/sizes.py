"""Question 6: what changes with the size of the model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.plan import key_of
from harness.report.tables import find
from harness.results import JobResult, ScoreRecord, Sweep
from harness.stats import Difference, holm
from harness.studies.homework.bits import Bits, minus

SHOWN = ("rep-4", "loops", "diversity", "distinct-2", "perplexity")
COMPARED = SHOWN[:-1]
"""Each model's perplexity is its own: a difference would say how sure the two are, not how good their texts are."""

BITS = "bits per byte of the references"
DRAWN = ("greedy", "τ = 1")
"""The temperatures that the figure shows and models are compared at: near 0 is greedy again, far above 1 is chance."""

Point = tuple[float, float | None, float | None]


@dataclass(frozen=True)
class Row:
    """The scores of one strategy under one model."""

    strategy: str
    model: str
    scores: dict[str, ScoreRecord]


@dataclass(frozen=True)
class Change:
    """A score under one model minus that under the smallest, on the same prompts."""

    what: str
    strategy: str  # empty: of the reference texts
    model: str
    difference: Difference
    p: float  # corrected for there being all the others (Holm, 1979)


@dataclass(frozen=True)
class Sizes:
    """A sweep over models."""

    models: list[str]  # the smallest first
    alike: bool  # whether all of them read a text as the same tokens
    rows: list[Row]
    bits: dict[str, Point]  # by model: of the reference texts, with the interval
    human: dict[str, float]  # scores of the references, where all models agree on them
    changes: list[Change] = field(default_factory=list)

    @classmethod
    def of(cls, sweep: Sweep, models: list[str], *, alike: bool) -> Sizes:
        """Of its jobs; changes are left out where counts of tokens are not the same thing under all models."""
        found = bits(sweep)
        points: dict[str, Point] = {}
        for name in (each for each in models if each in found):
            interval = found[name].interval()
            points[name] = (found[name].value, interval.low, interval.high)
        scored = rows(sweep)
        human: dict[str, float] = {}
        for name in SHOWN:
            values = {s.reference for row in scored if (s := row.scores.get(name)) and s.reference is not None}
            if len(values) == 1:
                human[name] = values.pop()
        return cls(models, alike, scored, points, human, changes(sweep, models, found) if alike else [])

    def panels(self) -> dict[str, dict[str, list[Point | None]]]:
        """What the figure shows: title -> line -> a point per model."""
        drawn = {}
        if self.bits:
            drawn[BITS] = {"references": [self.bits.get(model) for model in self.models]}
        for name in ("loops", "rep-4"):
            lines = {}
            for strategy in DRAWN:
                by_model = {r.model: r.scores[name] for r in self.rows if r.strategy == strategy and name in r.scores}
                points = [(s.value, s.low, s.high) if (s := by_model.get(model)) else None for model in self.models]
                if any(point is not None and math.isfinite(point[0]) for point in points):
                    lines[strategy] = points
            if lines:
                drawn[name] = lines
        return drawn


def strategy_of(job: JobResult) -> str:
    """What answers call a job's strategy; temperature 0 is greedy."""
    name, temperature = job.choices["strategy"], job.config["strategy"].get("temperature")
    if name != "temperature" or temperature is None:
        return name
    return "greedy" if temperature == 0 else f"τ = {temperature:g}"


def is_greedy(job: JobResult) -> bool:
    """Whether the job took the likeliest token at each step, by the model's own logits."""
    return strategy_of(job) == "greedy" and job.config["strategy"].get("repetition_penalty", 1) == 1


def rows(sweep: Sweep) -> list[Row]:
    """Every job's scores, strategy by strategy."""
    order = list(dict.fromkeys(key_of(job.config["strategy"]) for job in sweep.jobs))
    jobs = sorted(sweep.jobs, key=lambda job: order.index(key_of(job.config["strategy"])))
    return [
        Row(
            strategy_of(job),
            str(job.provenance["model"]),
            {name: score for name in SHOWN if (score := find(job.scores, name)) is not None},
        )
        for job in jobs
    ]


def bits(sweep: Sweep) -> dict[str, Bits]:
    """Model -> the bits per byte of the reference texts; models whose prompts have none are left out."""
    frames = {each.label: each.frame for each in sweep.references if len(each.frame)}
    readers = {str(job.provenance["model"]): job.reference for job in sweep.jobs}
    return {name: Bits.of(frames[label]) for name, label in readers.items() if label in frames}


def changes(sweep: Sweep, models: Sequence[str], found: Mapping[str, Bits]) -> list[Change]:
    """Every model against the first in all that may be compared, p-values corrected over all."""
    known: list[tuple[tuple[str, str, str], Difference | None]] = []
    for model in models[1:]:
        if model in found and models[0] in found:
            known.append(((BITS, "", model), found[model].minus(found[models[0]])))
        for job in (each for each in sweep.jobs if str(each.provenance["model"]) == model and _asked(each)):
            base = _counterpart(sweep.jobs, job, models[0])
            mine, theirs = job.evidence, {} if base is None else base.evidence
            names = [name for name in COMPARED if name in mine and name in theirs]
            known += [((name, strategy_of(job), model), minus(mine[name], theirs[name])) for name in names]
    tested = [(about, each) for about, each in known if each is not None]
    adjusted = holm([each.p for _, each in tested])
    return [Change(*about, each, float(p)) for (about, each), p in zip(tested, adjusted, strict=True)]


def _asked(job: JobResult) -> bool:
    return job.choices["strategy"] != "temperature" or strategy_of(job) in DRAWN


def _counterpart(jobs: Sequence[JobResult], job: JobResult, model: str) -> JobResult | None:
    """The job of another model with everything else alike."""

    def key(each: JobResult) -> str:
        return key_of([each.config.get(name) for name in ("strategy", "seed", "samples", "max_new_tokens", "prompts")])

    return next((j for j in jobs if str(j.provenance["model"]) == model and key(j) == key(job)), None)
