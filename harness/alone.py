"""Jobs that another launcher or sweeper than Hydra's own runs one by one, and what each leaves for the sweep's parent.

Such a job may be in a process of its own, on another machine. It writes its folder and, beside it, a record of how it
ended; the process that the user started collects them (`harness.collect`).
"""

from __future__ import annotations

import json
import shlex
import shutil
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import ChecksFailed, DecodingFailed, InputError

if TYPE_CHECKING:
    from harness.sweep import Job

RECORDS = ".jobs"
"""The folder of the records, in the sweep's."""

TRACEBACK = "traceback.txt"
"""What a job leaves in its folder when it ends by a fault of ours."""


@dataclass(frozen=True)
class Record:
    """A job that was begun by itself, and how it ended."""

    number: int  # its place in the sweep
    folder: str  # absolute
    config: dict[str, Any]
    choices: dict[str, str]
    overrides: list[str]
    done: bool = False  # its results are whole
    error: str | None = None  # why it failed, in a sentence
    direction: str | None = None  # of a search: minimize, maximize
    value: float | None = None  # of the objective
    shown: str = ""  # the objective in words
    config_folders: tuple[str, ...] = ()  # of --config-dir

    @property
    def command(self) -> str:
        """What runs the job once more, by itself."""
        kept = [each for each in self.overrides if not each.lstrip("+").startswith(("objective=", "resume="))]
        return shlex.join(["python", "-m", "harness", *(f"--config-dir={f}" for f in self.config_folders), *kept])

    @property
    def name(self) -> str:
        """What messages call the job: its folder's name."""
        return Path(self.folder).name


def prepare(sweep_folder: Path) -> None:
    """Make a sweep's folder ready for its jobs: `resume` knows it again even if its parent does not see their end."""
    from harness.atomic import write_json
    from harness.plan import command
    from harness.resume import arguments

    forget(sweep_folder)
    if not (sweep_folder / "sweep.json").exists():
        about = {"name": sweep_folder.name, "command": command(), "jobs": [], "arguments": arguments()}
        with suppress(OSError):  # said by the first job that cannot write either
            write_json(sweep_folder / "sweep.json", about)


def run_alone(job: Job, sweep_folder: Path, number: int, config_folders: Sequence[str] = ()) -> float | None:
    """Run one job here and now, and write its record.

    Args:
        job: its results are a sweep of one.
        sweep_folder: where the comparison of all jobs will be.
        number: the job's place among them.
        config_folders: where else than in conf/ its yamls were looked for.

    Returns:
        The value of the objective, for a sweeper that searches.

    Raises:
        InputError: the job failed, and the sweeper is one that searches: it decides whether to go on. Other failures
            are in the record alone, so that the other jobs run.
    """
    from harness.sweep import run

    begun = Record(
        number,
        str(job.folder),
        job.config,
        job.choices,
        list(job.overrides),
        config_folders=tuple(config_folders),
        direction=job.search.direction if job.search else None,
    )
    with suppress(OSError):
        (job.folder / TRACEBACK).unlink()
    _write(sweep_folder, begun)
    scores = job.folder / "scores.json"
    before, done = _changed(scores), False
    try:
        _lend_references(job.folder, sweep_folder)
        run([job])
        done = True
        value, shown = None, ""
        if job.config.get("objective") is not None:
            from harness.objective import objective

            value, shown = objective(job)
    except Exception as error:
        said = _said(error, job.folder)
        _write(sweep_folder, replace(begun, done=done or _changed(scores) not in (None, before), error=said))
        if job.search:  # as an exception that any launcher can send from process to process
            raise InputError(f"{begun.name}: {said}") from error
        return None
    _write(sweep_folder, replace(begun, done=True, value=value, shown=shown))
    if shown:
        from harness.progress import say

        say(f"{begun.name}: {shown}")
    return value


def read_records(sweep_folder: Path) -> list[Record]:
    """The records of all jobs that were begun, in the order of the sweep."""
    found = [Record(**json.loads(path.read_text("utf-8"))) for path in (sweep_folder / RECORDS).glob("*.json")]
    return sorted(found, key=lambda record: record.number)


def forget(sweep_folder: Path) -> None:
    """Remove the records: those of an earlier command before the sweep, its own once they are collected."""
    shutil.rmtree(sweep_folder / RECORDS, ignore_errors=True)


def _lend_references(folder: Path, sweep_folder: Path) -> None:
    """Put those that a sweep collected back beside a job of it, which may be complete: they are not measured again."""
    if not (folder / "job.json").exists() or (folder / "references.json").exists():
        return
    from harness.reading import load
    from harness.results import read_references, write_references

    try:
        label = load(folder / "job.json").get("reference")
        found = [replace(each, label="reference") for each in read_references(sweep_folder) if each.label == label]
    except (InputError, AttributeError):  # broken: the job measures them anew
        return
    if found:
        write_references(folder, found)


def _write(sweep_folder: Path, record: Record) -> None:
    from harness.atomic import write_text

    # Not strict JSON: a temperature may be infinite.
    write_text(sweep_folder / RECORDS / f"{record.number}.json", json.dumps(asdict(record)))


def _changed(path: Path) -> int | None:
    """When a file was last written, in ns; None where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _said(error: Exception, folder: Path) -> str:
    """The error in one sentence; a fault of ours leaves its traceback in the job's folder."""
    if isinstance(error, InputError | ChecksFailed | DecodingFailed):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if isinstance(error.filename, str) else error.strerror
    with suppress(OSError):
        (folder / TRACEBACK).write_text(traceback.format_exc(), encoding="utf-8")
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first} (traceback: {folder / TRACEBACK})"
