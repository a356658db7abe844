"""Run what is planned: decode every world in one batch, measure every job, write everything, report.

Files are written as soon as there is something to write: generations while they come, a job's scores once it is
measured, the comparison at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2s
from pathlib import Path
from typing import Any

import pandas as pd

from harness.engine import Request, check_room
from harness.evidence import write_evidence
from harness.featurizer import Featurizer
from harness.gap import HumanGap
from harness.generations import GenerationWriter, read_generations, write_generations
from harness.knobs import build
from harness.measure import measure, record
from harness.metrics.base import Tools
from harness.models.base import LanguageModel
from harness.models.loading import load
from harness.plan import Plan, command
from harness.progress import Progress
from harness.provenance import provenance
from harness.report.tables import Table
from harness.report.terminal import print_table
from harness.results import (
    References,
    Sweep,
    begin_job,
    items_frame,
    write_items,
    write_provenance,
    write_references,
    write_scores,
    write_sweep,
)
from harness.scorer import Scorer
from harness.signature import job_signature
from harness.strategies.base import Strategy
from harness.texts import corpus, named, reference_frame, row


@dataclass
class World:
    """The jobs that are decoded in one batch: they share the model and the engine."""

    plans: list[Plan]
    model: LanguageModel
    requests: dict[Request, Plan]
    started: datetime = field(default_factory=lambda: datetime.now(UTC))


def execute(plans: Sequence[Plan]) -> None:
    """Run every plan, leave what `results/README.md` lists, and print the table.

    Raises:
        InputError: a prompt of any job leaves no room in its model's context. Raised before anything is decoded.
    """
    worlds: dict[str, list[Plan]] = {}
    for p in plans:
        worlds.setdefault(p.world, []).append(p)
    if len(worlds) > 1:  # models are loaded one after another; a prompt too long for the last is better known now
        for members in worlds.values():
            _world(members)
    featurizer, scorer = _featurizer(plans), Scorer()
    folder = plans[0].job.sweep_folder
    name = plans[0].job.config["name"] or folder.name
    references: list[References] = []
    for number, members in enumerate(worlds.values()):
        world = _world(members)
        if number == 0:
            write_sweep(folder, name=name, command=command(), jobs=[p.job.folder for p in plans])
        _begin(world)
        frames = _decode(world)
        with Progress(f"measuring {world.model.name}", len(members)) as progress:
            for label in dict.fromkeys(p.reference for p in members):
                same = [p for p in members if p.reference == label]
                references.append(_measure(world, same, frames, featurizer, scorer, progress))
        write_references(folder, references)
    build(plans[0].job.config["report"], "report", folder=folder, show=_show)
    if study := plans[0].job.config.get("study"):
        from harness.studies.answers import answer

        print(f"answers: {answer(study, folder)}")


def _show(sweep: Sweep, table: Table, report: Path) -> None:
    print_table(sweep, report, table=table)


def _world(members: list[Plan]) -> World:
    """Load the model and make the requests of the jobs of one world."""
    model = load(members[0].job.config["model"])
    requests: dict[Request, Plan] = {}
    for p in members:
        for prompt in p.prompts:
            tokens = tuple(model.encode(prompt.text))
            for sample in range(p.samples if p.strategy.stochastic else 1):
                requests[Request(prompt, tokens, p.strategy, p.max_new_tokens, p.seed, sample)] = p
    check_room(model, requests)
    if check := getattr(members[0].engine, "check", None):  # what an engine needs beside the model
        check(model)
    return World(members, model, requests)


def _featurizer(plans: Sequence[Plan]) -> Featurizer | None:
    """One for all jobs, if any of their metrics wants one."""
    wanted = {w for p in plans for m in p.metrics.values() if (w := getattr(m, "featurizer", None))}
    return Featurizer(wanted.pop(), [p.job.choices["model"] for p in plans]) if wanted else None


def _begin(world: World) -> None:
    for p in world.plans:
        config = p.job.config
        texts = "".join(f"{each.id}{each.reference}" for each in p.prompts)  # an id is a hash of the prompt alone
        digest = blake2s(texts.encode(), digest_size=4).hexdigest()
        begin_job(
            p.job.folder,
            label=p.label,
            config=config,
            choices=p.job.choices,
            reference=p.reference,
            signature=job_signature(
                model=named(world.model),
                prompts=f"{p.job.choices['prompts']}[{len(p.prompts)}]@{digest}",
                new=p.max_new_tokens,
                samples=p.samples,
                seed=p.seed,
                strategy=f"{p.job.choices['strategy']}{_knobs(config['strategy'])}",
                dtype=str(world.model.dtype).removeprefix("torch."),
                packed=getattr(world.model, "packed", False),
                backend=getattr(world.model, "backend", "torch"),
                engine=p.job.choices["engine"]
                + ("" if p.job.choices["engine"] == "fast" else _knobs(config["engine"])),
            ),
        )


def _companion(strategy: Strategy[Any], model: LanguageModel) -> tuple[str, str] | None:
    """The name and the fingerprint of another model that a strategy reads with; None if there is none."""
    beside = strategy.tokenized(model).companion(model)
    if beside is None or beside.model.fingerprint == model.fingerprint:
        return None
    return beside.model.name, beside.model.fingerprint


def _knobs(node: Mapping[str, object]) -> str:
    return "(" + ",".join(f"{k}={v}" for k, v in node.items() if k != "factory") + ")"


def _decode(world: World) -> dict[str, pd.DataFrame]:
    """Decode all jobs of a world together; each job's generations in the order of its prompts and samples."""
    model = world.model
    writers = {p.label: GenerationWriter(p.job.folder) for p in world.plans}
    with Progress(f"decoding {model.name}", len(world.requests)) as progress:
        try:
            for generation in world.plans[0].engine(model, list(world.requests), watch=progress.step):
                label = world.requests[generation.request].label
                written = row(generation, label, model)
                writers[label].append([written])
                progress.advance(rows=generation.request.strategy.width, label=label, text=written["text"])
        except BaseException:
            for writer in writers.values():
                writer.flush()
            raise
    frames = {}
    for p in world.plans:
        writers[p.label].close()
        frame = read_generations(p.job.folder)
        place = {prompt.id: i for i, prompt in enumerate(p.prompts)}
        order = sorted(range(len(frame)), key=lambda i: (place[frame["prompt_id"][i]], frame["sample"][i]))
        frames[p.label] = frame.iloc[order].reset_index(drop=True)
        write_generations(p.job.folder, frames[p.label])
    return frames


def _measure(
    world: World,
    plans: Sequence[Plan],
    frames: Mapping[str, pd.DataFrame],
    featurizer: Featurizer | None,
    scorer: Scorer,
    progress: Progress,
) -> References:
    """Measure the jobs that share references, and the references themselves; complete the jobs' folders."""
    human = reference_frame(world.model, plans[0].prompts, plans[0].max_new_tokens)
    given = replace(corpus(human), limit=plans[0].max_new_tokens, reader=named(world.model))
    tools = Tools(
        given if given.texts else None,
        featurizer,
        decode=world.model.decode,
        scorer=scorer,
    )
    metrics = list(plans[0].metrics.values())
    of_humans = measure(given, metrics, tools)
    scores, _ = record(of_humans, given)
    gap = HumanGap(given, of_humans, metrics, tools)
    for p in plans:
        texts = replace(corpus(frames[p.label]), limit=p.max_new_tokens, reader=named(world.model))
        found = measure(texts, metrics, tools)
        write_items(p.job.folder, items_frame(frames[p.label], [score for each in found for score in each]))
        about = provenance(
            device=str(getattr(world.model, "network", world.model).device),  # on mps the model's rows are elsewhere
            dtype=str(world.model.dtype).removeprefix("torch."),
            model=world.model.name,
            fingerprint=world.model.fingerprint,
            started=world.started,
            companion=_companion(p.strategy, world.model),
            engine=told(world.model) if (told := getattr(p.engine, "told", None)) else None,
        )
        write_provenance(p.job.folder, about)
        records, evidence = record(found, texts, scores, gap(texts, found))
        write_evidence(p.job.folder, evidence)
        write_scores(p.job.folder, records)
        progress.advance()
    return References(plans[0].reference, human, scores)
