"""What the RESULT arguments of `python -m harness.report` mean: sweeps, each job once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from harness.archives import SUFFIXES, is_archive, moved, unpacked
from harness.errors import InputError
from harness.results import Sweep, read_sweep


def gather(results: Sequence[Path]) -> list[Sweep]:
    """Read results: folders of sweeps or of jobs, or folders or archives in which such lie.

    A job that is named twice is read once. Of a job's folder, the sweep that it belongs to is read, for its references,
    and all other jobs are left out.

    Raises:
        InputError: a folder holds no results, or a file in it cannot be read, or no job has finished.
    """
    with ExitStack() as stack:
        folders = [stack.enter_context(unpacked(each)) if is_archive(each) else each for each in results]
        named = [place.resolve() for folder in folders for place in _places(folder)]
        homes = list(dict.fromkeys(map(_home, named)))
        sweeps = [sweep for home in homes if (sweep := _only(read_sweep(home), named)).jobs or sweep.unfinished]
        for archive, folder in zip(results, folders, strict=True):
            if folder != archive:
                sweeps = [moved(s, folder, archive) if s.folder.is_relative_to(folder) else s for s in sweeps]
    if not any(sweep.jobs for sweep in sweeps):
        unfinished = sum(len(sweep.unfinished) for sweep in sweeps)
        raise InputError(f"{', '.join(map(str, results))}: none of {unfinished} jobs has finished")
    return sweeps


def _places(folder: Path) -> list[Path]:
    """The folders of results that an argument stands for, in the order of their names."""
    if folder.is_file():
        raise InputError(f"{folder}: neither a folder of results nor an archive of them ({', '.join(SUFFIXES)})")
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    if (folder / "sweep.json").exists() or (folder / "job.json").exists():
        return [folder]
    found: list[Path] = []
    for name in ("sweep.json", "job.json"):  # a sweep's jobs are its own
        for path in sorted(folder.glob(f"**/{name}")):
            if not any(path.is_relative_to(each) for each in found):
                found.append(path.parent)
    if not found:
        raise InputError(f"{folder}: no result folder: neither sweep.json nor job.json lies in it")
    return sorted(found)


def _home(place: Path) -> Path:
    """The folder of the sweep that has this place among its jobs; the place itself if there is none."""
    return next((each for each in place.parents if _belongs(place, each)), place)


def _belongs(place: Path, sweep: Path) -> bool:
    try:
        return any((sweep / name).resolve() == place for name in json.loads((sweep / "sweep.json").read_text())["jobs"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _only(sweep: Sweep, places: Sequence[Path]) -> Sweep:
    """What of a sweep lies in the places: jobs, the references that they are compared with, unfinished jobs."""
    jobs = [job for job in sweep.jobs if any(job.folder.is_relative_to(place) for place in places)]
    used = {job.reference for job in jobs}
    return replace(
        sweep,
        jobs=jobs,
        references=[each for each in sweep.references if each.label in used],
        unfinished=[n for n in sweep.unfinished if any((sweep.folder / n).is_relative_to(place) for place in places)],
    )
