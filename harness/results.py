"""Result folders: what a run leaves, written and read. results/README.md describes every file.

A job's folder is begun with `begin_job`, filled by `GenerationWriter`, `write_provenance` and `write_items`, and
complete once `write_scores` has run. A sweep's folder holds the folders of its jobs; that of a single job is the job's
own. All files are written under a temporary name and renamed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from harness.atomic import replacing, write_json, write_text
from harness.errors import InputError
from harness.evidence import Evidence, read_evidence
from harness.generations import SCHEMA, GenerationWriter, read_generations, write_generations
from harness.metrics.base import Better, Score

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
class ScoreRecord:
    """A score as it is kept: the number and what a reader needs to believe it, without what resampling needs."""

    name: str
    value: float  # NaN: the texts have no value
    better: Better
    signature: str
    low: float | None = None  # the interval, where one was made
    high: float | None = None
    method: str | None = None  # how it was made, as `harness.stats` says it: bca, wilson, jackknife
    notes: tuple[str, ...] = ()
    reference: float | None = None  # the same score of the reference texts; None: they have none
    # How far it is from the references, where both are measured on as many texts of the same lengths (`harness.gap`),
    # the interval of that, and the p-value of there being no difference.
    gap: float | None = None
    gap_low: float | None = None
    gap_high: float | None = None
    gap_p: float | None = None
    curve: tuple[tuple[float, ...], ...] | None = None  # x and y of what the number is the area under, to draw

    @classmethod
    def of(cls, score: Score, reference: float | None = None) -> ScoreRecord:
        """The record of a score, without an interval."""
        curve = None if score.curve is None else tuple(tuple(side) for side in score.curve.round(4).tolist())
        value = float(score.value)
        return cls(
            score.name, value, score.better, score.signature, notes=score.notes, reference=reference, curve=curve
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


@dataclass(frozen=True)
class Sweep:
    """The jobs of one command, in their order, and the references they are compared with."""

    folder: Path
    name: str
    command: str  # what reproduces it
    jobs: list[JobResult]
    references: list[References]
    unfinished: list[str] = field(default_factory=list)  # folders of jobs that have no scores


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
    write_json(folder / "scores.json", [_plain(score) for score in scores])


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
    write_json(folder / "references.json", {each.label: [_plain(s) for s in each.scores] for each in references})


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
    job = _json(folder / "job.json")
    try:
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        items = folder / "items.parquet"
        return JobResult(
            label=job["label"],
            folder=folder,
            config=config,
            choices=job["choices"],
            signature=job["signature"],
            generations=read_generations(folder),
            scores=[_record(s) for s in _json(folder / "scores.json")] if (folder / "scores.json").exists() else [],
            items=pq.ParquetFile(items).read().to_pandas() if items.exists() else pd.DataFrame(),
            reference=job["reference"],
            evidence=read_evidence(folder),
            provenance=_json(folder / "provenance.json") if (folder / "provenance.json").exists() else {},
        )
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError, pa.ArrowException) as error:
        raise InputError(f"{folder}: not a whole result folder of a job ({error})") from error


def read_sweep(folder: Path) -> Sweep:
    """Read a sweep, or a job's folder as a sweep of one. Jobs without scores are named in `unfinished`.

    Raises:
        InputError: `folder` holds no job, or a file in it cannot be read.
    """
    about = _json(folder / "sweep.json") if (folder / "sweep.json").exists() else {}
    inside = sorted(path.parent for path in folder.glob("**/job.json"))
    folders = [folder / name for name in about["jobs"]] if about else inside
    if not folders:
        raise InputError(f"{folder}: no result folder: it holds neither sweep.json nor job.json")
    done = [job for job in folders if (job / "scores.json").exists()]
    # Jobs that ran in processes of their own have their references beside them.
    found = {each.label: each for place in dict.fromkeys((*done, folder)) for each in _references(place)}
    return Sweep(
        folder=folder,
        name=about.get("name", folder.name),
        command=about.get("command", ""),
        jobs=[read_job(job) for job in done],
        references=list(found.values()),
        unfinished=[job.relative_to(folder).as_posix() for job in folders if job not in done],
    )


def _references(folder: Path) -> list[References]:
    if not (folder / "references.json").exists():
        return []
    frame = pq.ParquetFile(folder / "references.parquet").read().to_pandas()
    return [
        References(
            label,
            frame[frame["reference"] == label].drop(columns="reference").reset_index(drop=True),
            [_record(score) for score in scores],
        )
        for label, scores in _json(folder / "references.json").items()
    ]


def _plain(score: ScoreRecord) -> dict[str, Any]:
    """A record as strict JSON has it: NaN is null, the infinities are strings."""

    def plain(value: Any) -> Any:
        if not isinstance(value, float) or math.isfinite(value):
            return value
        return None if math.isnan(value) else str(value)

    return {key: plain(value) for key, value in asdict(score).items()}


def _record(score: Mapping[str, Any]) -> ScoreRecord:
    value = math.nan if score["value"] is None else float(score["value"])
    optional = ("low", "high", "reference", "gap", "gap_low", "gap_high", "gap_p")
    numbers = {key: None if score.get(key) is None else float(score[key]) for key in optional}
    curve = tuple(map(tuple, score["curve"])) if score.get("curve") else None
    return ScoreRecord(**{**score, **numbers, "value": value, "notes": tuple(score["notes"]), "curve": curve})


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
