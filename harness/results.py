"""Result folders: what a run leaves, written and read. results/README.md describes every file.

A job's folder is begun with `begin_job`, filled by `GenerationWriter`, `write_provenance` and `write_items`, and
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

from harness.atomic import replacing, write_json, write_text
from harness.errors import InputError
from harness.evidence import Evidence, read_evidence
from harness.generations import SCHEMA, GenerationWriter, read_generations, write_generations
from harness.metrics.base import Score
from harness.reading import BROKEN, expect, load, read_about, said
from harness.records import ScoreRecord, from_json, to_json

__all__ = [
    "SCHEMA",
    "GenerationWriter",
    "JobResult",
    "References",
    "ScoreRecord",
    "Sweep",
    "begin_job",
    "items_frame",
    "read_generations",
    "read_job",
    "read_sweep",
    "write_generations",
    "write_items",
    "write_provenance",
    "write_references",
    "write_scores",
    "write_sweep",
]

REFERENCE_SCHEMA = pa.schema(
    {
        "reference": pa.string(),  # the label of the set of references that the text belongs to
        "prompt_id": pa.string(),
        "prompt": pa.string(),
        "text": pa.string(),
        "tokens": SCHEMA.field("tokens").type,
        "ends": SCHEMA.field("ends").type,
        "logprob": SCHEMA.field("logprob").type,
        "entropy": SCHEMA.field("entropy").type,
        "rank": SCHEMA.field("rank").type,
        "gap": SCHEMA.field("gap").type,
    }
)


@dataclass(frozen=True)
class References:
    """The reference texts as one model reads them, and their scores."""

    label: str  # the row's name in a table: "reference"; "reference pocket-s" where several models read them
    frame: pd.DataFrame  # prompt_id, prompt, text, tokens, ends, logprob, entropy, rank, gap
    scores: list[ScoreRecord]


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
) -> None:
    """Make a job's folder: config.yaml and job.json. What an earlier run left of the job there is deleted."""
    if (folder / "job.json").exists():  # elsewhere a file of such a name is somebody else's
        for stale in ("scores.json", "evidence.parquet", "items.parquet", "generations.parquet", "provenance.json"):
            (folder / stale).unlink(missing_ok=True)
    write_text(folder / "config.yaml", yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))
    job = {"label": label, "choices": dict(choices), "signature": signature, "reference": reference}
    write_json(folder / "job.json", job)


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


def write_references(folder: Path, references: Sequence[References]) -> None:
    """Write references.parquet and references.json: a sweep has a set of references per model, prompts and length.

    Raises:
        ValueError: two sets have one label.
    """
    if len({each.label for each in references}) < len(references):
        raise ValueError(f"sets of references need labels of their own: {[each.label for each in references]}")
    frames = [each.frame.assign(reference=each.label) for each in references]
    rows = pd.concat(frames) if frames else pd.DataFrame(columns=REFERENCE_SCHEMA.names)
    columns = {f.name: pa.array(rows[f.name].tolist(), f.type, from_pandas=True) for f in REFERENCE_SCHEMA}
    with replacing(folder / "references.parquet") as temporary:
        pq.write_table(pa.table(columns, schema=REFERENCE_SCHEMA), temporary)
    write_json(folder / "references.json", {each.label: [to_json(s) for s in each.scores] for each in references})


def write_sweep(folder: Path, *, name: str, command: str, jobs: Sequence[Path]) -> None:
    """Write sweep.json.

    Args:
        folder: the sweep's.
        name: what the run calls itself.
        command: what reproduces it, as one would type it.
        jobs: the folders of the jobs, in the order that tables and figures keep; `folder` itself for a single job.
    """
    inside = [job.resolve().relative_to(folder.resolve()).as_posix() for job in jobs]
    write_json(folder / "sweep.json", {"name": name, "command": command, "jobs": inside})


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
        expect("config.yaml", config, dict)
        expect("scores.json", scores, list)
        expect("provenance.json", provenance, dict)
        return JobResult(
            folder=folder,
            config=config,
            generations=read_generations(folder),
            scores=list(map(from_json, scores)),
            items=pq.ParquetFile(items).read().to_pandas() if items.exists() else pd.DataFrame(),
            evidence=read_evidence(folder),
            provenance=provenance,
            **{name: job[name] for name in _JOB},
        )
    except InputError:
        raise
    except (*BROKEN, yaml.YAMLError) as error:
        raise InputError(f"{folder}: not a whole result folder of a job ({said(error)})") from error


def read_sweep(folder: Path) -> Sweep:
    """Read a sweep, or a job's folder as a sweep of one. Jobs without scores are named in `unfinished`.

    Raises:
        InputError: `folder` holds no job, or a file in it cannot be read.
    """
    about = read_about(folder) if (folder / "sweep.json").exists() else {}
    inside = sorted(path.parent for path in folder.glob("**/job.json"))
    folders = [folder / name for name in about["jobs"]] if about else inside
    if not folders:
        raise InputError(f"{folder}: no result folder: it holds neither sweep.json nor job.json")
    done = [job for job in folders if (job / "scores.json").exists()]
    # Jobs that ran in processes of their own have their references beside them.
    found = {each.label: each for place in dict.fromkeys((*done, folder)) for each in _references(place)}
    jobs = [read_job(job) for job in done]
    lost = dict.fromkeys(job.reference for job in jobs if job.reference and job.reference not in found)
    return Sweep(
        folder=folder,
        name=about.get("name", folder.name),
        command=about.get("command", ""),
        jobs=jobs,
        references=list(found.values()),
        unfinished=[job.relative_to(folder).as_posix() for job in folders if job not in done],
        notes=[f"{label}: no row, as there is no references.json that has it" for label in lost],
    )


_JOB: dict[str, type | tuple[type, ...]] = {
    "label": str,
    "choices": dict,
    "signature": str,
    "reference": (str, type(None)),
}
"""The fields of job.json."""


def _references(folder: Path) -> list[References]:
    if not (folder / "references.json").exists():
        return []
    scores = load(folder / "references.json")
    try:
        expect("references.json", scores, dict)
        frame = pq.ParquetFile(folder / "references.parquet").read().to_pandas()
        return [
            References(
                label,
                frame[frame["reference"] == label].drop(columns="reference").reset_index(drop=True),
                list(map(from_json, of)),
            )
            for label, of in scores.items()
        ]
    except BROKEN as error:
        raise InputError(f"{folder}: its references cannot be read ({said(error)})") from error
