"""The study behind `experiment=agreement`: whether the metrics agree on which strategies are good."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.report import style
from harness.report.alike import alike as same_texts
from harness.results import JobResult
from harness.studies.agreements import figures
from harness.studies.agreements.pairs import Pair, pairs
from harness.studies.agreements.ranks import alike, better_half, kendall, spearman
from harness.studies.agreements.verdicts import Verdicts, verdicts
from harness.studies.base import Answer, Setting
from harness.studies.replicates import Groups

LEAST = 4
"""Strategies below which two rankings are not compared: of 3 they agree fully by chance in one case of six."""


@dataclass(frozen=True)
class Standing:
    """How one score stands to all others."""

    name: str
    better: str
    mean: float  # of Spearman's with the others
    low: float
    high: float
    best: str  # the strategy that it would choose
    reversed: list[str]  # scores that are shown to rank in opposite order


def agreement(setting: Setting) -> Answer:
    """Correlate all scores over strategies, as verdicts (better or worse) and as numbers.

    Args:
        setting: a sweep over strategies, of one model and one seed; of jobs that wrote the same texts the first counts.
    """
    first = setting.sweep.jobs[0]
    places = same_texts(setting.sweep.jobs)
    jobs = [job for i, job in enumerate(setting.sweep.jobs) if places[i] == i and _comparable(job, first)]
    groups = Groups(first.generations["prompt_id"].tolist())
    found = verdicts(jobs, groups)
    facts: dict[str, Any] = {
        "model": str(first.provenance["model"]),
        "strategies": found.strategies,
        "dropped": [job.label for job in setting.sweep.jobs if job not in jobs],
        "prompts": len(set(groups.prompt_ids)),
        "groups": groups.number,
        "resamples": groups.resamples,
        "enough": groups.enough,
        "names": found.names,
        "left_out": found.left_out,
        "compared": len(jobs) >= LEAST and len(found.names) > 1,
        "least": LEAST,
    }
    if facts["compared"]:
        facts |= _compared(setting, found, groups)
    return Answer(facts)


def _comparable(job: JobResult, first: JobResult) -> bool:
    """Whether two jobs differ in their strategy alone."""
    return all(job.config.get(key) == first.config.get(key) for key in ("model", "seed", "prompts", "max_new_tokens"))


def _compared(setting: Setting, found: Verdicts, groups: Groups) -> dict[str, Any]:
    rho, tau, drawn = spearman(found.goodness), kendall(found.goodness), spearman(found.drawn)
    every = pairs(found.names, rho, drawn, tau, groups)
    plain_rho, plain_tau, plain_drawn = spearman(found.values), kendall(found.values), spearman(found.drawn_values)
    plain = pairs(found.names, plain_rho, plain_drawn, plain_tau, groups)
    order, plain_order = alike(rho), alike(plain_rho)
    with style.styled():
        drawings = {
            "verdicts": figures.heat(found.names, rho, tau, _sure(found.names, every), order),
            "values": figures.heat(found.names, plain_rho, plain_tau, _sure(found.names, plain), plain_order),
        }
        paths = {stem: setting.save(figure, f"agreement_{stem}") for stem, figure in drawings.items()}
    return {
        "pairs": every,
        "agreeing": sum(pair.agrees for pair in every),
        "reversing": [pair for pair in every if pair.reverses],
        "median": float(np.median([pair.rho for pair in every])),
        "standings": _standings(found, rho, drawn, every, groups),
        "half": _half(found, groups),
        "figures": paths,
    }


def _half(found: Verdicts, groups: Groups) -> dict[str, Any]:
    """The same over the better half of the strategies: what all scores call bad makes them agree over the whole."""
    kept = better_half(found.goodness)
    rho, tau = spearman(found.goodness[kept]), kendall(found.goodness[kept])
    tells = np.flatnonzero(np.isfinite(np.diagonal(rho)))
    names = [found.names[i] for i in tells]
    drawn = spearman(found.drawn[:, kept][:, :, tells])
    every = pairs(names, rho[tells][:, tells], drawn, tau[tells][:, tells], groups)
    return {
        "strategies": [found.strategies[i] for i in kept],
        "pairs": len(every),
        "median": float(np.median([pair.rho for pair in every])) if every else math.nan,
        "agreeing": sum(pair.agrees for pair in every),
        "reversing": [pair for pair in every if pair.reverses],
        "negative": sum(pair.rho < 0 for pair in every),
        "worst": every[:10],
    }


def _sure(names: list[str], every: list[Pair]) -> Any:
    sure = np.zeros((len(names), len(names)), dtype=bool)
    for pair in every:
        i, j = names.index(pair.one), names.index(pair.other)
        sure[i, j] = sure[j, i] = pair.agrees or pair.reverses
    return sure


def _standings(found: Verdicts, rho: Any, drawn: Any, every: list[Pair], groups: Groups) -> list[Standing]:
    """All scores, those that agree most with the others first."""
    standings = []
    for i, name in enumerate(found.names):
        others = [j for j in range(len(found.names)) if j != i]
        mean = float(rho[i, others].mean())
        interval = groups.interval(drawn[:, i, others].mean(axis=1), mean)
        against = [p.other if p.one == name else p.one for p in every if p.reverses and name in (p.one, p.other)]
        standings.append(Standing(name, found.better[i], mean, interval.low, interval.high, found.best(i), against))
    return sorted(standings, key=lambda each: -each.mean)
