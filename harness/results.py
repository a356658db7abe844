"""Result folders: what a run leaves, written and read. results/README.md describes every file.

A job's folder is begun with `begin_job`, filled by `write_generations`, `write_provenance` and `write_items`, and
complete once `write_scores` has run. A sweep's folder holds the folders of its jobs; that of a single job is the job's
own. All files are written under a temporary name and renamed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2s
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from harness.archives import is_archive, moved, sole, unpacked
from harness.atomic import replacing, write_json, write_text
from harness.errors import InputError
from harness.evidence import Evidence, read_evidence
from harness.failures import read_failures, summary
from harness.generations import SCHEMA, read_generations, write_generations
from harness.metrics.base import Score
from harness.reading import BROKEN, check_config, check_provenance, expect, load, read_about, said
from harness.records import ScoreRecord, from_json, to_json
from harness.reference_files import References, read_references, write_references

__all__ = [
    "SCHEMA",
    "JobResult",
    "References",
    "ScoreRecord",
    "Sweep",
    "begin_job",
    "items_frame",
    "read_generations",
    "read_job",
    "read_references",
    "read_sweep",
    "write_generations",
    "write_items",
    "write_provenance",
    "write_references",
    "write_scores",
    "write_sweep",
]

MADE = (
    "scores.json",  # first: without it the others are no result
    "evidence.parquet",
    "items.parquet",
    "generations.parquet",
    "failures.json",
    "provenance.json",
)
"""The files that a run leaves in a job's folder, beside what says which job it is."""


@dataclass(frozen=True)
class JobResult:
    """One job, read from its folder."""

    label: str  # of the strategy, as a table's row: "top_p", "beam num_beams=8"
    folder: Path
    config: dict[str, Any]  # effective
    choices: dict[str, str]  # Hydra's group choices: {"strategy": "top_p", "model": "pocket-m", ...}
    signature: str
    generations: pd.DataFrame  # the columns of SCHEMA
    scores: list[ScoreRecord]
    items: pd.DataFrame  # prompt_id, seed, sample, and one column per score that has items
    reference: str | None = None  # the label of the references it is compared with
    evidence: dict[str, Evidence] = field(default_factory=dict)  # by score: what it can be resampled from
    provenance: dict[str, Any] = field(default_factory=dict)
    failed: int = 0  # generations that are missing: those that are there may be the easy ones, so it is not ranked

    @cached_property
    def texts(self) -> str:
        """A hash that jobs share which hold the same tokens (where these are not known, texts); "": they hold none."""
        rows = self.generations
        if not len(rows) or not {"tokens", "text"} & set(rows):
            return ""
        rows = rows.sort_values([name for name in ("prompt_id", "sample") if name in rows], kind="stable")
        digest = blake2s("\0".join(rows["prompt_id"]).encode("utf-8", "surrogatepass"))
        if "tokens" in rows:
            digest.update(np.array(rows["tokens"].map(len), dtype=np.int64).tobytes())
            digest.update(np.concatenate(list(rows["tokens"])).astype(np.int64).tobytes())
        else:
            digest.update("\0".join(rows["text"]).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


@dataclass(frozen=True)
class Sweep:
    """The jobs of one command, in their order, and the references they are compared with."""

    folder: Path
    name: str
    command: str  # what reproduces it
    jobs: list[JobResult]
    references: list[References]
    unfinished: list[str] = field(default_factory=list)  # folders of jobs that have no scores
    notes: list[str] = field(default_factory=list)  # what a reader of its report has to know besides


def begin_job(
    folder: Path,
    *,
    label: str,
    config: Mapping[str, Any],
    choices: Mapping[str, str],
    signature: str,
    reference: str | None = None,
    decoding: str | None = None,
    measuring: str | None = None,
) -> None:
    """Make a job's folder: config.yaml and job.json. What an earlier run left of the job there is deleted.

    Args:
        folder: the job's.
        label: its row in tables.
        config: effective.
        choices: the yaml chosen in each group.
        signature: what fixes the texts, for readers.
        reference: the label of the references it is compared with.
        decoding: a key for its generations (`harness.world`): they can be used again where it is the same.
        measuring: a key for everything in the folder: a complete job of the same key is not run again.
    """
    if (folder / "job.json").exists():  # elsewhere a file of such a name is somebody else's
        for stale in MADE:
            (folder / stale).unlink(missing_ok=True)
    write_text(folder / "config.yaml", yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))
    job = {"label": label, "choices": dict(choices), "signature": signature, "reference": reference}
    write_json(folder / "job.json", job | {"decoding": decoding, "measuring": measuring})


def write_provenance(folder: Path, provenance: Mapping[str, Any]) -> None:
    """Write provenance.json; `harness.provenance.provenance` makes its content."""
    write_json(folder / "provenance.json", dict(provenance))


def write_items(folder: Path, frame: pd.DataFrame) -> None:
    """Write items.parquet; `items_frame` makes its content."""
    with replacing(folder / "items.parquet") as temporary:
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), temporary)


def items_frame(generations: pd.DataFrame, scores: Sequence[Score]) -> pd.DataFrame:
    """One row per generation: its prompt_id, seed and sample, and its item of every score that has items."""
    columns = {score.name: score.items for score in scores if score.items is not None}
    return generations[["prompt_id", "seed", "sample"]].assign(**columns)


def write_scores(folder: Path, scores: Sequence[ScoreRecord]) -> None:
    """Write scores.json, which completes the job."""
    write_json(folder / "scores.json", [to_json(score) for score in scores])


def write_sweep(
    folder: Path, *, name: str, command: str, jobs: Sequence[Path], arguments: Sequence[str] | None = None
) -> None:
    """Write sweep.json.

    Args:
        folder: the sweep's.
        name: what the run calls itself.
        command: what reproduces it, as one would type it.
        jobs: the folders of the jobs, in the order that tables and figures keep; `folder` itself for a single job.
        arguments: by which `resume=true` knows the command again.
    """
    inside = [job.resolve().relative_to(folder.resolve()).as_posix() for job in jobs]
    about = {"name": name, "command": command, "jobs": inside}
    write_json(folder / "sweep.json", about if arguments is None else about | {"arguments": list(arguments)})


def read_job(folder: Path) -> JobResult:
    """Read a job. One that died has the generations it finished and no scores.

    Raises:
        InputError: `folder` is not a job's folder, or a file in it cannot be read.
    """
    job = load(folder / "job.json")
    try:
        expect("job.json", job, dict)
        for name, kind in _JOB.items():
            expect(f"job.json: {name}", job[name], kind)
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        scores = load(folder / "scores.json") if (folder / "scores.json").exists() else []
        provenance = load(folder / "provenance.json") if (folder / "provenance.json").exists() else {}
        items = folder / "items.parquet"
        check_config(config)
        check_provenance(provenance)
        expect("scores.json", scores, list)
        for group, choice in job["choices"].items():
            expect(f"job.json: choices.{group}", choice, str)
        return JobResult(
            folder=folder,
            config=config,
            generations=read_generations(folder),
            scores=list(map(_record, scores)),
            items=pq.ParquetFile(items).read().to_pandas() if items.exists() else pd.DataFrame(),
            evidence=read_evidence(folder),
            failed=len(read_failures(folder)),
            provenance=provenance,
            **{name: job[name] for name in _JOB},
        )
    except InputError:
        raise
    except (*BROKEN, yaml.YAMLError) as error:
        raise InputError(f"{folder}: not a whole result folder of a job ({said(error)})") from error


def _record(score: Any) -> ScoreRecord:
    try:
        return from_json(score)
    except ValueError as error:
        raise ValueError(f"scores.json: {error}") from error


def read_sweep(folder: Path) -> Sweep:
    """Read a sweep, or a job's folder as a sweep of one. Jobs without scores are named in `unfinished`.

    An archive that holds one may be given in place of the folder (`harness.archives`); it is only read.

    Raises:
        InputError: `folder` holds no job, or a file in it cannot be read.
    """
    if is_archive(folder):
        with unpacked(folder) as place:
            return moved(read_sweep(sole(place)), place, folder)
    about = read_about(folder) if (folder / "sweep.json").exists() else {}
    inside = sorted(path.parent for path in folder.glob("**/job.json"))
    folders = (
        [folder / name for name in about["jobs"]] if about.get("jobs") else inside
    )  # none yet: they run by themselves
    if not folders:
        raise InputError(f"{folder}: no result folder: it holds neither sweep.json nor job.json")
    done = [job for job in folders if (job / "scores.json").exists()]
    # Jobs that ran in processes of their own have their references beside them.
    found = {each.label: each for place in dict.fromkeys((*done, folder)) for each in read_references(place)}
    jobs = [read_job(job) for job in done]
    rows = {job.folder: job.generations for job in jobs}
    failed = [
        f"{place.name}: {summary(some, len(_rows(place) if place not in rows else rows[place]))}"
        for place in folders
        if (some := read_failures(place))
    ]
    lost = dict.fromkeys(job.reference for job in jobs if job.reference and job.reference not in found)
    return Sweep(
        folder=folder,
        name=about.get("name", folder.name),
        command=about.get("command", ""),
        jobs=jobs,
        references=list(found.values()),
        unfinished=[job.relative_to(folder).as_posix() for job in folders if job not in done],
        notes=failed + [f"{label}: no row, as there is no references.json that has it" for label in lost],
    )


def _rows(folder: Path) -> pd.DataFrame:
    """The generations of a job that is not complete; none if they cannot be read."""
    try:
        return read_generations(folder)
    except BROKEN:
        return pd.DataFrame()


_JOB: dict[str, type | tuple[type, ...]] = {
    "label": str,
    "choices": dict,
    "signature": str,
    "reference": (str, type(None)),
}
"""The fields of job.json."""
