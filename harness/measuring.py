"""Measure what was decoded: the jobs of a world that share references, and these references."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pandas as pd

from harness.cluster.base import Cluster
from harness.evidence import Evidence, write_evidence
from harness.featurizer import Featurizer
from harness.gap import HumanGap
from harness.generations import read_generations
from harness.knobs import build
from harness.measure import measure, record
from harness.metrics.base import Metric, Tools
from harness.models.base import LanguageModel
from harness.plan import Plan
from harness.progress import Progress
from harness.provenance import provenance
from harness.records import ScoreRecord
from harness.requests import companion_of
from harness.results import References, items_frame, write_items, write_provenance, write_scores
from harness.scorer import Scorer
from harness.stopping import Signals
from harness.strategies.base import Strategy
from harness.texts import corpus, named, reference_frame
from harness.world import World


@dataclass(frozen=True, eq=False)
class Measures:
    """What jobs are measured by that share references, as plain data: a process anywhere makes a ruler of it."""

    metrics: Mapping[str, Mapping[str, Any]]  # nodes by name
    human: pd.DataFrame  # the references
    limit: int  # tokens of a text at most
    models: tuple[str, ...]  # the yaml names of the sweep's models, on which a featurizer may depend


@dataclass(frozen=True, eq=False)
class Measured:
    """What is measured of one set of texts."""

    items: pd.DataFrame
    records: list[ScoreRecord]
    evidence: list[Evidence]


class Ruler:
    """Measures texts, and what the references score once for all of them.

    Args:
        model: that wrote the texts.
        measures: what to measure.
    """

    def __init__(self, model: LanguageModel, measures: Measures) -> None:
        self._metrics: list[Metric] = [build(node, f"metrics.{name}") for name, node in measures.metrics.items()]
        self._limit, self._reader = measures.limit, named(model)
        given = replace(corpus(measures.human), limit=self._limit, reader=self._reader)
        wanted = {w for metric in self._metrics if (w := getattr(metric, "featurizer", None))}
        featurizer = _featurizer(wanted.pop(), measures.models) if wanted else None
        self._tools = Tools(given if given.texts else None, featurizer, decode=model.decode, scorer=_scorer())
        of_humans = measure(given, self._metrics, self._tools)
        self._human, _ = record(of_humans, given)
        self._gap = HumanGap(given, of_humans, self._metrics, self._tools)

    def __call__(self, frame: pd.DataFrame | None) -> Measured:
        """Measure the generations of a job; None: the references."""
        if frame is None:
            return Measured(pd.DataFrame(), self._human, [])
        texts = replace(corpus(frame), limit=self._limit, reader=self._reader)
        found = measure(texts, self._metrics, self._tools)
        records, evidence = record(found, texts, self._human, self._gap(texts, found))
        return Measured(items_frame(frame, [score for each in found for score in each]), records, evidence)


@cache
def _featurizer(wanted: str, models: tuple[str, ...]) -> Featurizer:
    """One for all jobs of a sweep: it remembers what it has read."""
    return Featurizer(wanted, models)


@cache
def _scorer() -> Scorer:
    return Scorer()


def measure_jobs(
    world: World,
    plans: Sequence[Plan],
    cluster: Cluster,
    progress: Progress,
    signals: Signals,
    keep: Callable[[References], None],
) -> None:
    """Measure jobs that share references, from their generations.parquet, and complete their folders.

    A job that nothing was decoded of gets no scores.

    Args:
        world: of the jobs.
        plans: the jobs.
        cluster: whose processes measure.
        progress: told of each job.
        signals: looked at now and then.
        keep: is given the references with their scores, before any job is complete.
    """
    first = plans[0]
    human = reference_frame(world.model, first.prompts, first.max_new_tokens)
    measures = Measures(first.job.config["metrics"], human, first.max_new_tokens, world.models)
    frames = {p.label: read_generations(p.job.folder) for p in plans}
    for p in plans:
        write_provenance(p.job.folder, _about(world, p))
    there = [p for p in plans if len(frames[p.label])]
    items = [None, *(frames[p.label] for p in there)]
    found = cluster.map(world.model, world.recipe, Ruler, measures, items, signals.check)
    keep(References(first.reference, human, next(found).records, world.referring(first)))
    progress.advance(len(plans) - len(there))
    for p, measured in zip(there, found, strict=True):
        write_items(p.job.folder, measured.items)
        write_evidence(p.job.folder, measured.evidence)
        write_scores(p.job.folder, measured.records)
        progress.advance()


def _about(world: World, p: Plan) -> Mapping[str, Any]:
    model = world.model
    return provenance(
        device=str(world.about["device"]),
        dtype=str(world.about["dtype"]),
        model=model.name,
        fingerprint=model.fingerprint,
        started=world.started,
        companion=_companion(p.strategy, model),
        engine=told(model) if (told := getattr(p.engine, "told", None)) else None,
    )


def _companion(strategy: Strategy[Any], model: LanguageModel) -> tuple[str, str] | None:
    """The name and the fingerprint of another model that a strategy reads with; None if there is none."""
    beside = companion_of(strategy, model)
    if beside is None or beside.model.fingerprint == model.fingerprint:
        return None
    return beside.model.name, beside.model.fingerprint
