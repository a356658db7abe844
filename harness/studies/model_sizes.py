"""The study behind `experiment=model_sizes`: what changes with the size of the model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.models.loading import load
from harness.plan import key_of
from harness.report import style
from harness.report.tables import find
from harness.results import JobResult, ScoreRecord, Sweep
from harness.stats import Difference, holm
from harness.studies.base import Answer, Setting
from harness.studies.homework import figures
from harness.studies.homework.bits import Bits, minus
from harness.studies.homework.sizes import BITS, Point, bits

SHOWN = ("loops", "rep-4", "diversity", "distinct-2", "self-bleu-4", "zipf", "mauve", "perplexity")
"""Scores of a table; readers' perplexities, `perplexity[pocket-l]`, follow."""

OWN = ("perplexity", "entropy")
"""Each model's own: a difference would say how sure the two are, not how good their texts are."""

PANELS = ("loops", "diversity", "mauve")


@dataclass(frozen=True)
class Change:
    """A score under one model minus that under the next smaller, or the smallest, on the same prompts."""

    score: str
    strategy: str  # empty: of the reference texts
    smaller: str
    model: str
    difference: Difference
    p: float  # corrected for there being all the others (Holm, 1979)
    closer: bool | None  # whether the larger model is nearer to the references; None: neither is, or nobody can say

    @property
    def shown(self) -> bool:
        """Whether chance does not explain it."""
        return self.p < 0.05


@dataclass(frozen=True)
class Row:
    """The scores of one strategy under one model."""

    strategy: str
    model: str
    scores: dict[str, ScoreRecord]


def model_sizes(setting: Setting) -> Answer:
    """Every strategy under every model, and what differs between the smallest model and each other.

    Args:
        setting: a sweep over models; strategies and prompts are the same under each.
    """
    parameters, readings = {}, set()
    for name, job in setting.models.items():
        # Layers arranged for speed hold weights more than once, and are not needed to count them.
        model = load(job.config["model"] | ({"packed": False} if "packed" in job.config["model"] else {}))
        network = getattr(model, "network", None)
        parameters[name] = None if network is None else int(network.num_parameters())
        readings.add(str([model.encode(text) for text in _prompts(job)]))
    models = sorted(parameters, key=lambda name: parameters[name] or 0)
    found, scored = bits(setting.sweep), rows(setting.sweep, models)
    names = [name for name in SHOWN if any(name in row.scores for row in scored)]
    names += list(dict.fromkeys(n for row in scored for n in row.scores if n.startswith("perplexity[")))
    changed = changes(setting.sweep, models, found, names) if len(readings) == 1 else []
    points = {name: _point(each) for name, each in found.items()}
    facts = {
        "models": [{"name": name, "parameters": parameters[name], "bits": points.get(name)} for name in models],
        "alike": len(readings) == 1,
        "prompts": len(_prompts(next(iter(setting.models.values())))),
        "names": names,
        "rows": scored,
        "strategies": list(dict.fromkeys(row.strategy for row in scored)),
        "changes": changed,
        "steady": {s: steady(scored, models, s, names) for s in dict.fromkeys(row.strategy for row in scored)},
        "chance": math.factorial(len(models)) // 2,
        "figure": _figure(setting, models, points, scored),
    }
    return Answer(facts)


def _prompts(job: JobResult) -> list[str]:
    return list(job.generations.drop_duplicates("prompt_id")["prompt"])


def _point(each: Bits) -> Point:
    interval = each.interval()
    return each.value, interval.low, interval.high


def strategy_of(job: JobResult, models: Sequence[str] = ()) -> str:
    """A job's label without its model."""
    names = {str(job.provenance["model"]), job.choices.get("model", ""), *models}
    return " ".join(word for word in job.label.split(" ") if word not in names)


def rows(sweep: Sweep, models: Sequence[str]) -> list[Row]:
    """Every job's scores, strategy by strategy, the smallest model first."""
    made = [
        Row(
            strategy_of(job, models),
            str(job.provenance["model"]),
            {each.name: score for each in job.scores if (score := find(job.scores, each.name))},
        )
        for job in sweep.jobs
    ]
    order = list(dict.fromkeys(row.strategy for row in made))
    return sorted(made, key=lambda row: (order.index(row.strategy), models.index(row.model)))


def steady(found: Sequence[Row], models: Sequence[str], strategy: str, names: Sequence[str]) -> dict[str, str]:
    """Score -> "rises" or "falls", of scores that do so from each model to the next; of three models or more."""
    known = {}
    for name in names:
        by_model = {r.model: r.scores[name].value for r in found if r.strategy == strategy and name in r.scores}
        steps = np.diff([by_model.get(model, math.nan) for model in models])
        if len(steps) > 1 and ((steps > 0).all() or (steps < 0).all()):
            known[name] = "rises" if steps[0] > 0 else "falls"
    return known


def changes(sweep: Sweep, models: Sequence[str], found: Mapping[str, Bits], names: Sequence[str]) -> list[Change]:
    """Every model against the smallest in all that may be compared, p-values corrected over all of them."""
    known: list[tuple[tuple[str, str, str, str], Difference, bool | None]] = []
    for model in models[1:]:
        if model in found and models[0] in found:
            known.append(((BITS, "", models[0], model), found[model].minus(found[models[0]]), None))
        for job in (each for each in sweep.jobs if str(each.provenance["model"]) == model):
            base = next((each for each in sweep.jobs if _pair(each, job, models[0])), None)
            for name in (name for name in names if base is not None and name not in OWN):
                assert base is not None
                mine, theirs = job.evidence.get(name), base.evidence.get(name)
                apart = minus(mine, theirs) if mine and theirs else None
                if apart is not None:
                    about = (name, strategy_of(job, models), models[0], model)
                    known.append((about, apart, _closer(find(job.scores, name), find(base.scores, name))))
    adjusted = holm([difference.p for _, difference, _ in known])
    return [Change(*about, each, float(p), closer) for (about, each, closer), p in zip(known, adjusted, strict=True)]


def _pair(one: JobResult, other: JobResult, model: str) -> bool:
    """Whether a job is that of the model with everything else as in the other."""
    alike = ("strategy", "seed", "samples", "max_new_tokens", "prompts")
    same = all(key_of(one.config.get(key)) == key_of(other.config.get(key)) for key in alike)
    return same and str(one.provenance["model"]) == model


def _closer(one: ScoreRecord | None, other: ScoreRecord | None) -> bool | None:
    if one is None or other is None or one.gap is None or other.gap is None or abs(one.gap) == abs(other.gap):
        return None
    return abs(one.gap) < abs(other.gap)


def _figure(setting: Setting, models: Sequence[str], points: Mapping[str, Point], found: Sequence[Row]) -> str:
    panels: dict[str, dict[str, list[Point | None]]] = {}
    if points:
        panels[BITS] = {"references": [points.get(model) for model in models]}
    for name in PANELS:
        lines: dict[str, list[Point | None]] = {}
        for row in found:
            score = row.scores.get(name)
            lines.setdefault(row.strategy, []).append((score.value, score.low, score.high) if score else None)
        if any(point for line in lines.values() for point in line):
            panels[name] = lines
    with style.styled():
        return setting.save(figures.sizes(models, panels), "sizes")
