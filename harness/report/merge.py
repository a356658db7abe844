"""Several sweeps as one: labels that are unique, references that are one row where they are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import InputError, did_you_mean
from harness.report.names import about, apart
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


def merge(sweeps: Sequence[Sweep], folder: Path, command: str) -> Sweep:
    """One sweep with the jobs of all, in their order. A single one stays as it is.

    Args:
        sweeps: what is merged.
        folder: where the report goes.
        command: what made the report; the commands of the sweeps come before it.
    """
    if len(sweeps) == 1:
        return sweeps[0]
    owners = [(sweep, job) for sweep in sweeps for job in sweep.jobs]
    jobs = [job for _, job in owners]
    labels = apart([job.label for job in jobs], list(map(about, jobs)), [sweep.name for sweep, _ in owners])
    references, found = _references(sweeps)
    return Sweep(
        folder=folder,
        name=folder.name,
        command="\n".join(dict.fromkeys([*(sweep.command for sweep in sweeps if sweep.command), command])),
        jobs=[
            replace(job, label=label, reference=found.get((id(sweep), job.reference or "")))
            for (sweep, job), label in zip(owners, labels, strict=True)
        ],
        references=references,
        unfinished=[f"{sweep.folder.name}/{name}" for sweep in sweeps for name in sweep.unfinished],
    )


def _references(sweeps: Sequence[Sweep]) -> tuple[list[References], dict[tuple[int, str], str]]:
    """The distinct sets of references; and what a sweep's set is called now."""
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
    words = [_words(one.job) for one in distinct]
    labels = apart([one.references.label for one in distinct], words, [f"of {one.sweep}" for one in distinct])
    named = [replace(one.references, label=label) for one, label in zip(distinct, labels, strict=True)]
    return named, {key: labels[at] for key, at in place.items()}


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
    before = [job.label for sweep in sweeps for job in sweep.jobs]
    called = [now for now, then in zip(labels, before, strict=True) if then == wanted]
    if len(called) > 1:
        raise InputError(f"--baseline {wanted!r}: there are several of this name: {', '.join(called)}")
    if not called:
        raise InputError(f"--baseline {wanted!r}: there is no such job; {did_you_mean(wanted, labels)}")
    return called[0]
