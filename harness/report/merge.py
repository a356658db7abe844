"""Several sweeps as one: labels that are unique, references that are one row where they are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import InputError, did_you_mean
from harness.report.names import about, apart
from harness.report.series import grouped
from harness.results import JobResult, References, Sweep
from harness.signature import parse


@dataclass(frozen=True)
class _Set:
    """References of one sweep, and a job that is compared with them."""

    references: References
    job: JobResult | None
    sweep: str

    def same(self, other: _Set) -> bool:
        """Whether both are the same texts, read by the same model, and nothing both score is scored otherwise."""
        mine, theirs = ({s.name: s.signature for s in each.references.scores} for each in (self, other))
        agree = all(mine[name] == theirs[name] for name in mine.keys() & theirs.keys())
        return agree and self._texts() == other._texts() and self._reader() == other._reader()

    def _texts(self) -> list[tuple[str, str]]:
        frame = self.references.frame
        return sorted(zip(frame["prompt_id"], frame["text"], strict=True))

    def _reader(self) -> list[str | None]:
        fields = parse(self.job.signature) if self.job else {}
        return [fields.get(name) for name in ("model", "dtype", "packed", "backend")]


@dataclass(frozen=True)
class _Once:
    """A job of one of the sweeps, and the same job as others have it."""

    sweep: Sweep
    job: JobResult
    again: list[tuple[Sweep, JobResult]]

    def same(self, job: JobResult) -> bool:
        """Whether the other is this job once more: decoded as its signature says, the same texts, scored alike."""
        mine, theirs = ({s.name: s.signature for s in each.scores} for each in (self.job, job))
        agree = all(mine[name] == theirs[name] for name in mine.keys() & theirs.keys())
        named = self.job.signature and self.job.texts
        return bool(named and agree and (self.job.signature, self.job.texts) == (job.signature, job.texts))

    def whole(self) -> JobResult:
        """The job with the scores of all."""
        scores, evidence = list(self.job.scores), dict(self.job.evidence)
        for _, other in self.again:
            known = {score.name for score in scores}
            scores += [score for score in other.scores if score.name not in known]
            evidence = {**other.evidence, **evidence}
        return replace(self.job, scores=scores, evidence=evidence)


def merge(sweeps: Sequence[Sweep], folder: Path, command: str) -> Sweep:
    """One sweep with the jobs of all, in their order, each once. A single sweep stays as it is.

    Args:
        sweeps: what is merged.
        folder: where the report goes.
        command: what made the report; the commands of the sweeps come before it.
    """
    if len(sweeps) == 1:
        return sweeps[0]
    owners = _once(sweeps)
    jobs = [owner.whole() for owner in owners]
    labels = apart([job.label for job in jobs], list(map(about, jobs)), [owner.sweep.name for owner in owners])
    references, found = _references(sweeps, {(id(owner.sweep), owner.job.reference or "") for owner in owners})
    return Sweep(
        folder=folder,
        name=folder.name,
        command="\n".join(dict.fromkeys([*(sweep.command for sweep in sweeps if sweep.command), command])),
        jobs=[
            replace(job, label=label, reference=found.get((id(owner.sweep), job.reference or "")))
            for owner, job, label in zip(owners, jobs, labels, strict=True)
        ],
        references=references,
        unfinished=[f"{sweep.folder.name}/{name}" for sweep in sweeps for name in sweep.unfinished],
        notes=_notes(sweeps) + _left_out(owners, labels),
    )


def _once(sweeps: Sequence[Sweep]) -> list[_Once]:
    """The jobs of all sweeps in their order, those that come again with the first."""
    found: list[_Once] = []
    for sweep in sweeps:
        for job in sweep.jobs:
            first = next((each for each in found if each.same(job)), None)
            if first:
                first.again.append((sweep, job))
            else:
                found.append(_Once(sweep, job, []))
    return found


def _notes(sweeps: Sequence[Sweep]) -> list[str]:
    said = grouped(((note, sweep.folder.name) for sweep in sweeps for note in sweep.notes), lambda each: each[0])
    return [f"{', '.join(name for _, name in whose)}: {note}" for note, whose in said.items()]


def _left_out(owners: Sequence[_Once], labels: Sequence[str]) -> list[str]:
    again = [
        f"{job.label} of {sweep.folder.name} (here {label})"
        for owner, label in zip(owners, labels, strict=True)
        for sweep, job in owner.again
    ]
    return [f"left out, as another job has the same signature and the same texts: {', '.join(again)}"] if again else []


def _references(
    sweeps: Sequence[Sweep], used: set[tuple[int, str]]
) -> tuple[list[References], dict[tuple[int, str], str]]:
    """The distinct sets of references of which one is used; and what a sweep's set is called now."""
    distinct: list[_Set] = []
    place: dict[tuple[int, str], int] = {}
    for sweep in sweeps:
        for each in sweep.references:
            job = next((job for job in sweep.jobs if job.reference == each.label), None)
            one = _Set(each, job, sweep.name)
            at = next((i for i, known in enumerate(distinct) if known.same(one)), len(distinct))
            if at == len(distinct):
                distinct.append(one)
            else:
                distinct[at] = replace(distinct[at], references=_union(distinct[at].references, each))
            place[id(sweep), each.label] = at
    kept = [at for at in range(len(distinct)) if any(place.get(key) == at for key in used)]
    sets = [distinct[at] for at in kept]
    labels = apart(
        [one.references.label for one in sets], [_words(o.job) for o in sets], [f"of {o.sweep}" for o in sets]
    )
    named = [replace(one.references, label=label) for one, label in zip(sets, labels, strict=True)]
    called = dict(zip(kept, labels, strict=True))
    return named, {key: called[at] for key, at in place.items() if at in called}


def _union(one: References, other: References) -> References:
    """The same references, with the scores of both."""
    names = {score.name for score in one.scores}
    return replace(one, scores=[*one.scores, *(score for score in other.scores if score.name not in names)])


def _words(job: JobResult | None) -> dict[str, str]:
    """What the labels of references say of the jobs that are compared with them."""
    if job is None:
        return {}
    said = about(job)
    length = job.config.get("max_new_tokens")
    chosen = {key: said[key] for key in ("model", "prompts") if key in said}
    return chosen | ({"length": f"of {length}"} if length is not None else {})


def baseline(sweeps: Sequence[Sweep], merged: Sweep, wanted: str | None) -> str | None:
    """The label of the job that is wanted: as the merged sweep calls it, or its own if only one job is called so.

    Raises:
        InputError: there is no such job, or there are several.
    """
    labels = [job.label for job in merged.jobs]
    if wanted is None or wanted in labels:
        return wanted
    called = [
        label
        for label, owner in zip(labels, _once(sweeps), strict=True)
        if wanted in (owner.job.label, *(job.label for _, job in owner.again))
    ]
    if len(called) > 1:
        raise InputError(f"--baseline {wanted!r}: there are several of this name: {', '.join(called)}")
    if not called:
        raise InputError(f"--baseline {wanted!r}: there is no such job; {did_you_mean(wanted, labels)}")
    return called[0]
