"""Decode a world: what is not in the journal yet, each generation once; and write each job's as it is complete."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from harness.cluster.base import Cluster
from harness.errors import InputError
from harness.failures import write_failures
from harness.generations import write_rows
from harness.journal import PART, Journal
from harness.plan import Plan, places
from harness.progress import Progress, say
from harness.requests import Generation, Request
from harness.room import check_disk
from harness.stopping import Signals
from harness.store import Stored
from harness.texts import row
from harness.world import World


def decode(world: World, plans: Sequence[Plan], journal: Journal, cluster: Cluster, signals: Signals) -> None:
    """Decode some jobs of a world together and write their generations.parquet, in the order of prompts and samples.

    Requests of one key are decoded once. What fails is left out of the files and named in failures.json.

    Args:
        world: that the jobs belong to.
        plans: the jobs that are not complete.
        journal: what is in it is not decoded again.
        cluster: that decodes.
        signals: a first one waits until a step is over.

    Raises:
        InputError: the disks have no room for what is still to be decoded.
    """
    owners: dict[bytes, list[Request]] = defaultdict(list)
    for p in plans:
        for r in world.requests[p.label]:
            owners[world.keys[r]].append(r)
    there = journal.there(list(owners))
    if journal.store.broken:
        say(f"{journal.store.broken} entries of {journal.name} were broken: they are decoded again")
    missing = [same[0] for key, same in owners.items() if key not in there]
    check_disk(places(plans[0].job), len(missing), sum(r.limit(world.model.context) for r in missing))
    if there:
        say(f"{len(there)} of {len(owners)} generations are there already")
    label = {r: p.label for p in plans for r in world.requests[p.label]}
    waiting = {p.label: {world.keys[r] for r in world.requests[p.label]} - there for p in plans}
    failed: dict[bytes, Generation] = {}
    for p in plans:
        if not waiting[p.label]:
            _write(world, p, journal, failed)
    with Progress(f"decoding {world.model.name}", len(missing)) as progress, signals.deferred():

        def watch(done: float, left: int) -> None:
            progress.step(done, left)
            signals.check()

        ready = {p.label: p for p in plans if waiting[p.label]}
        for generation in cluster.decode(world.model, plans[0].engine, world.recipe, missing, watch, signals.check):
            key = world.keys[generation.request]
            if generation.finish == "failed":
                failed[key] = generation
            else:
                journal.add(key, Stored(generation.tokens, generation.values, generation.finish, generation.score))
            progress.advance(
                rows=generation.request.strategy.width,
                label=label[generation.request],
                text=partial(world.model.decode, generation.tokens),
            )
            for name in {label[r] for r in owners[key]}:
                waiting[name].discard(key)
                if not waiting[name] and name in ready:
                    _write(world, ready.pop(name), journal, failed)
            signals.check()


def _write(world: World, p: Plan, journal: Journal, failed: dict[bytes, Generation]) -> None:
    """The files of a job all of whose requests have ended."""
    requests = world.requests[p.label]
    ended = [r for r in requests if world.keys[r] not in failed]
    rows = (row(each, p.label, world.model) for each in _read_back(world, p, journal, ended))
    write_failures(
        p.job.folder, [replace(failed[key], request=r) for r in requests if (key := world.keys[r]) in failed]
    )
    write_rows(p.job.folder, rows, "" if len(ended) < len(requests) else world.decoding(p))


def _read_back(world: World, p: Plan, journal: Journal, requests: Sequence[Request]) -> Iterator[Generation]:
    """The generations of some requests of a job, a part of them in memory at a time."""
    for i in range(0, len(requests), PART):
        part = requests[i : i + PART]
        found = journal.get({world.keys[r] for r in part})
        if lost := sum(world.keys[r] not in found for r in part):
            raise InputError(
                f"{journal.name}: {lost} generations of {p.label} cannot be read back: the file is damaged (python -m "
                "harness.store says more); remove it, or name another store"
            )
        for r in part:
            stored = found[world.keys[r]]
            yield Generation(r, stored.tokens, stored.values, stored.finish, stored.score)
