"""From jobs that ran one by one (`harness.alone`) to the one comparison that any sweep leaves."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from harness.alone import Record, forget, read_records
from harness.atomic import write_json
from harness.errors import ChecksFailed, InputError, JobsFailed
from harness.resume import arguments, command_to_resume
from harness.sweep import Job

_NAMED = 3  # failed jobs that a message names at most


def collect(folder: Path, broken: Exception | None = None) -> None:
    """Make one sweep of the jobs whose records lie in its folder; report it, and print its table.

    Afterwards the folder is that of a sweep whose jobs ran together: labels tell its jobs apart, and the references lie
    beside them once.

    Args:
        folder: the sweep's.
        broken: what ended the sweep before each of its jobs had ended.

    Raises:
        InputError: no job has results, and all tripped over the same mistake.
        JobsFailed: some jobs failed; what the others made is written.
    """
    records = read_records(folder)
    if not records:
        _leave_nothing(folder)
        raise broken or InputError("the sweep has no jobs: what it goes over holds no values")
    failed = [each for each in records if each.error]
    lost = [each.name for each in records if not each.error and not each.done]
    said = []
    if failed:
        said.append(f"{len(failed)} of {len(records)} jobs: " + _listed([f"{e.name}: {e.error}" for e in failed], "; "))
    if lost:
        said.append(f"without an end: {_listed(lost, ', ')}")
    if broken and not failed:  # else it is what a failed job raised
        said.append((str(broken) or type(broken).__name__).splitlines()[0])
    if any(each.done for each in records):
        said += _compare(folder, records, whole=not said)
    else:
        _leave_nothing(folder)
        if len({each.error for each in failed}) == 1 and not lost:
            raise InputError(failed[0].error)
    _say_best(records)
    if not lost:  # those that still run say later how they ended
        forget(folder)
    if said:
        raise JobsFailed("\n".join([*said, f"to try again: {command_to_resume(folder)}"]))


def _compare(folder: Path, records: Sequence[Record], *, whole: bool) -> list[str]:
    """Write and print the comparison of the jobs that have results; in words, what of it failed.

    A study is asked only if nothing failed before: its questions are about the whole sweep.
    """
    from harness.knobs import build
    from harness.plan import command, labels, reference_labels
    from harness.report.terminal import show
    from harness.results import read_references, write_references, write_sweep

    jobs = [_job(each, folder) for each in records]
    names, sets = labels(jobs), reference_labels(jobs)
    done = [place for place, each in enumerate(records) if each.done]
    known = {each.label: each for each in read_references(folder)}  # those of jobs that were complete before
    for place in done:
        job, name, reference = jobs[place], names[place], sets[place]
        for each in read_references(job.folder):
            known[reference] = replace(each, label=reference)
        _rename(job.folder, name, reference)
    write_references(folder, [known[name] for name in dict.fromkeys(sets[place] for place in done) if name in known])
    given = jobs[done[0]].config
    inside = [
        job.folder for place, job in enumerate(jobs) if place in done or not (job.folder / "scores.json").exists()
    ]
    write_sweep(folder, name=given["name"] or folder.name, command=command(), jobs=inside, arguments=arguments())
    for place in done:
        for stale in ("sweep.json", "references.json", "references.parquet"):
            (jobs[place].folder / stale).unlink(missing_ok=True)
    said = []
    report = dict(given["report"])
    if report.get("baseline") not in (None, *(names[place] for place in done)):
        said.append(f"report.baseline={report['baseline']!r}: no such job has results")
        report["baseline"] = None
    build(report, "report", folder=folder, show=show)
    if (study := given.get("study")) and not whole:
        said.append("its study was left out")
    elif study:
        from harness.studies.answers import answer

        try:
            print(f"answers: {answer(study, folder)}")
        except ChecksFailed as failed:
            said.append(str(failed))
    return said


def _say_best(records: Sequence[Record]) -> None:
    """Say which trial of a search was the best, and how it is run by itself."""
    tried = [each for each in records if each.value is not None and each.direction is not None]
    if tried:
        choose = min if tried[0].direction == "minimize" else max
        best = choose(tried, key=lambda each: each.value or 0.0)
        print(f"best of {len(tried)}: {best.name}: {best.shown}\nby itself: {best.command}")


def _job(record: Record, folder: Path) -> Job:
    return Job(record.config, Path(record.folder), folder, record.choices, tuple(record.overrides), new=False)


def _rename(folder: Path, label: str, reference: str) -> None:
    """What the sweep calls a job and its references, which by itself it could not know."""
    from harness.generations import relabel
    from harness.reading import load

    job = load(folder / "job.json")
    if (job["label"], job["reference"]) != (label, reference):
        relabel(folder, label)
        # Last: it says that the rest is done.
        write_json(folder / "job.json", job | {"label": label, "reference": reference})


def _leave_nothing(folder: Path) -> None:
    """Remove what Hydra wrote of a sweep in which nothing was made; what was there before stays."""
    forget(folder)
    with suppress(OSError):
        if {path.name for path in folder.iterdir()} <= {"multirun.yaml", "sweep.json", ".lock"}:
            for name in ("multirun.yaml", "sweep.json", ".lock"):
                (folder / name).unlink(missing_ok=True)
            folder.rmdir()


def _listed(names: Sequence[str], separator: str) -> str:
    more = len(names) - _NAMED
    return separator.join(names[:_NAMED]) + (f"{separator}and {more} more" if more > 0 else "")
