"""Run what is planned: decode every world in one batch, measure every job, write everything, report.

Nothing is done twice: generations go into a journal as they end, and what is there already is not decoded again; a job
that is complete is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.cluster.base import Cluster
from harness.decoding import decode
from harness.errors import DecodingFailed
from harness.failures import read_failures, summary
from harness.journal import FILE, Journal, journal_of
from harness.knobs import build
from harness.locking import locked
from harness.measuring import measure_jobs
from harness.plan import Plan, command
from harness.progress import Progress, say
from harness.report.terminal import show
from harness.results import begin_job, write_sweep
from harness.resume import arguments, command_to_resume
from harness.reuse import Kept, complete, forget, recovered
from harness.stopping import Signals, Stopped, signals
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
    journal: Journal | None = None
    with signals() as caught, locked(folder), cluster:
        if len(worlds) > 1:  # models are loaded one after another; a prompt too long for the last is better known now
            for members in worlds.values():
                open_world(members, cluster, models)
        opened = (open_world(members, cluster, models) for members in worlds.values())
        world = next(opened)
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
            kept = Kept(folder, [p.reference for p in plans])
            with journal_of(folder, config["store"]) as journal:
                for number in range(len(worlds)):
                    if number:
                        del world  # one model in memory at a time
                        world = next(opened)
                    _run(world, journal, cluster, caught, kept)
            failed = _failed(plans)
            if not alone and any((p.job.folder / "scores.json").exists() for p in plans):
                build(config["report"], "report", folder=folder, show=show)  # alone: who began the sweep makes it
        except (Stopped, Exception):
            if not alone and journal is not None and journal.used:
                say(f"what is decoded is kept; go on with: {command_to_resume(folder)}")
            raise
        if not failed:
            (folder / FILE).unlink(missing_ok=True)
    if failed:
        again = [] if alone else [f"to try again: {command_to_resume(folder)}"]
        unanswered = ["its study was left out"] if config.get("study") and not alone else []
        raise DecodingFailed("\n".join([*(f"{label}: {what}" for label, what in failed.items()), *unanswered, *again]))
    if not alone and (study := config.get("study")):
        from harness.studies.answers import answer

        print(f"answers: {answer(study, folder)}")


def _run(world: World, journal: Journal, cluster: Cluster, caught: Signals, kept: Kept) -> None:
    """Decode and measure the jobs of one world that are not complete yet."""
    whole = [p for p in world.plans if complete(p.job.folder, world.measuring(p)) and kept.has(world.referring(p), p)]
    plans = [p for p in world.plans if p not in whole]
    for p in plans:
        journal.store.put(recovered(world, p))
        _begin(world, p)
    if plans:
        decode(world, plans, journal, cluster, caught)
    with Progress(f"measuring {world.model.name}", len(plans)) as progress:
        for label in dict.fromkeys(p.reference for p in plans):
            same = [p for p in plans if p.reference == label]
            measure_jobs(world, same, cluster, progress, caught, kept.keep)


def _failed(plans: Sequence[Plan]) -> dict[str, str]:
    """What failed of each job that something failed of, in one sentence."""
    found = [(p, failed) for p in plans if (failed := read_failures(p.job.folder))]
    return {p.label: summary(failed, p.size - len(failed)) for p, failed in found}


def _begin(world: World, p: Plan) -> None:
    begin_job(
        p.job.folder,
        label=p.label,
        config=p.job.config,
        choices=p.job.choices,
        reference=p.reference,
        decoding=world.decoding(p),
        measuring=world.measuring(p),
        signature=world.signature(p),
    )
