"""Run what is planned: decode every world in one batch, measure every job, write everything, report.

Nothing is done twice: generations go into a journal as they end, and what is there already is not decoded again; a job
that is complete is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2s
from pathlib import Path

from harness.cluster.base import Cluster
from harness.decoding import decode
from harness.errors import DecodingFailed
from harness.failures import read_failures, summary
from harness.journal import FILE, Journal, journal_of
from harness.knobs import build
from harness.locking import locked
from harness.measuring import measure_jobs
from harness.plan import Plan, command, places
from harness.progress import Progress, say
from harness.report.tables import Table
from harness.report.terminal import print_table
from harness.results import References, Sweep, begin_job, read_references, write_references, write_sweep
from harness.resume import arguments, command_to_resume
from harness.reuse import complete, forget, recovered, reusable
from harness.room import check_disk
from harness.signature import job_signature
from harness.stopping import Signals, Stopped, signals
from harness.texts import named
from harness.world import World, open_world


def execute(plans: Sequence[Plan]) -> None:
    """Run every plan, leave what `results/README.md` lists, and print the table.

    Raises:
        InputError: a prompt of any job leaves no room in its model's context; the disk has no room. Both are raised
            before anything is decoded.
        DecodingFailed: some generations failed. Raised at the end, when all is written.
    """
    worlds: dict[str, list[Plan]] = {}
    for p in plans:
        worlds.setdefault(p.world, []).append(p)
    config, folder, alone = plans[0].job.config, plans[0].job.sweep_folder, plans[0].job.alone
    cluster: Cluster = build(config["cluster"], "cluster")
    models = [p.job.choices["model"] for p in plans]
    references: list[References] = []
    journal: Journal | None = None
    with signals() as caught, locked(folder), cluster:
        # Models are loaded one after another, the first last: a prompt too long for any is better known now.
        for members in reversed(worlds.values()):
            first = open_world(members, cluster, models)
        write_sweep(
            folder,
            name=config["name"] or folder.name,
            command=command(),
            jobs=[p.job.folder for p in plans],
            arguments=arguments(),
        )
        try:
            if config["resume"] is False:
                forget(folder, plans)
            with journal_of(folder, config["store"]) as journal:
                for number, members in enumerate(worlds.values()):
                    world = first if number == 0 else open_world(members, cluster, models)
                    references += _run(world, journal, cluster, caught)
                    write_references(folder, references)
            failed = _failed(plans)
            if not alone and any((p.job.folder / "scores.json").exists() for p in plans):
                build(config["report"], "report", folder=folder, show=_show)  # alone: who began the sweep makes it
        except (Stopped, Exception):
            if not alone and journal is not None and journal.used:
                say(f"what is decoded is kept; go on with: {command_to_resume(folder)}")
            raise
        if not failed:
            (folder / FILE).unlink(missing_ok=True)
    if not alone and (study := config.get("study")):
        from harness.studies.answers import answer

        print(f"answers: {answer(study, folder)}")
    if failed:
        again = [] if alone else [f"to try again: {command_to_resume(folder)}"]
        raise DecodingFailed("\n".join([*(f"{label}: {what}" for label, what in failed.items()), *again]))


def _run(world: World, journal: Journal, cluster: Cluster, caught: Signals) -> list[References]:
    """Decode and measure the jobs of one world that are not complete yet; the references of all of them."""
    plans = [p for p in world.plans if not complete(p.job.folder, world.measuring(p))]
    check_disk(places(world.plans[0].job), *world.size(plans))
    for p in plans:
        if (frame := reusable(p.job.folder, world.decoding(p))) is not None:
            journal.store.put(recovered(world, p.label, frame))
        _begin(world, p)
    if plans:
        decode(world, plans, journal, cluster, caught)
    known = {each.label: each for each in read_references(world.plans[0].job.sweep_folder)}
    found = []
    with Progress(f"measuring {world.model.name}", len(plans)) as progress:
        for label in dict.fromkeys(p.reference for p in world.plans):
            same = [p for p in plans if p.reference == label]
            if not same and label in known:
                found.append(known[label])
            else:
                every = same or [p for p in world.plans if p.reference == label]
                found.append(measure_jobs(world, every, cluster, progress, caught))
    return found


def _show(sweep: Sweep, table: Table, report: Path) -> None:
    print_table(sweep, report, table=table)


def _failed(plans: Sequence[Plan]) -> dict[str, str]:
    """What failed of each job that something failed of, in one sentence."""
    found = {p.label: (p, failed) for p in plans if (failed := read_failures(p.job.folder))}
    sizes = {label: len(p.prompts) * (p.samples if p.strategy.stochastic else 1) for label, (p, _) in found.items()}
    return {label: summary(failed, sizes[label] - len(failed)) for label, (_, failed) in found.items()}


def _begin(world: World, p: Plan) -> None:
    config, choices = p.job.config, p.job.choices
    texts = "".join(f"{each.id}{each.reference}" for each in p.prompts)  # an id is a hash of the prompt alone
    digest = blake2s(texts.encode(), digest_size=4).hexdigest()
    begin_job(
        p.job.folder,
        label=p.label,
        config=config,
        choices=choices,
        reference=p.reference,
        decoding=world.decoding(p),
        measuring=world.measuring(p),
        signature=job_signature(
            model=named(world.model),
            prompts=f"{choices['prompts']}[{len(p.prompts)}]@{digest}",
            new=p.max_new_tokens,
            samples=p.samples,
            seed=p.seed,
            strategy=f"{choices['strategy']}{_knobs(config['strategy'])}",
            dtype=str(world.about["dtype"]),
            packed=world.about["packed"],
            backend=world.about["backend"],
            engine=choices["engine"] + ("" if choices["engine"] == "fast" else _knobs(config["engine"])),
        ),
    )


def _knobs(node: Mapping[str, object]) -> str:
    return "(" + ",".join(f"{k}={v}" for k, v in node.items() if k != "factory") + ")"
