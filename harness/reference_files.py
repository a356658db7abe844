"""references.parquet and references.json: the reference texts as a model reads them, and their scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2s
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.atomic import replacing, write_json
from harness.columns import read_columns
from harness.errors import InputError
from harness.generations import SCHEMA
from harness.reading import BROKEN, expect, load, said
from harness.records import ScoreRecord, from_json, to_json

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

_ABOUT = b"harness"

NEEDED = ("reference", "prompt_id", "text", "tokens")
"""Those of them without which there is no report."""


@dataclass(frozen=True)
class References:
    """The reference texts as one model reads them, and their scores."""

    label: str  # the row's name in a table: "reference"; "reference pocket-s" where several models read them
    frame: pd.DataFrame  # prompt_id, prompt, text, tokens, ends, logprob, entropy, rank, gap
    scores: list[ScoreRecord]
    key: str = ""  # of what they and their scores depend on (`World.referring`); "": not known


def write_references(folder: Path, references: Sequence[References]) -> None:
    """Write references.parquet and references.json: a sweep has a set of references per model, prompts and length.

    The first holds the keys, and a hash of the second: two files cannot be replaced at once.

    Raises:
        ValueError: two sets have one label.
    """
    if len({each.label for each in references}) < len(references):
        raise ValueError(f"sets of references need labels of their own: {[each.label for each in references]}")
    frames = [each.frame.assign(reference=each.label) for each in references]
    rows = pd.concat(frames) if frames else pd.DataFrame(columns=REFERENCE_SCHEMA.names)
    columns = {f.name: pa.array(rows[f.name].tolist(), f.type, from_pandas=True) for f in REFERENCE_SCHEMA}
    scores = {each.label: [to_json(s) for s in each.scores] for each in references}
    about = {"scores": _hash(scores), "keys": {each.label: each.key for each in references}}
    with replacing(folder / "references.parquet") as temporary:
        pq.write_table(pa.table(columns, REFERENCE_SCHEMA.with_metadata({_ABOUT: json.dumps(about)})), temporary)
    write_json(folder / "references.json", scores)


def _hash(scores: object) -> str:
    return blake2s(json.dumps(scores, sort_keys=True).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _keys(file: Path, scores: object) -> dict[str, str]:
    """The keys of sets of references, where the two files belong together."""
    about = json.loads((pq.read_schema(file).metadata or {}).get(_ABOUT, b"{}"))
    known = isinstance(about, dict) and about.get("scores") == _hash(scores) and isinstance(about.get("keys"), dict)
    return {str(label): str(key) for label, key in about["keys"].items()} if known else {}


def read_references(folder: Path) -> list[References]:
    """The references that lie in a folder; none where there are none.

    Raises:
        InputError: they cannot be read.
    """
    if not (folder / "references.json").exists():
        return []
    scores = load(folder / "references.json")
    try:
        expect("references.json", scores, dict)
        frame = read_columns(folder / "references.parquet", REFERENCE_SCHEMA, NEEDED)
        keys = _keys(folder / "references.parquet", scores)
        return [
            References(
                label,
                frame[frame["reference"] == label].drop(columns="reference").reset_index(drop=True),
                list(map(from_json, of)),
                keys.get(label, ""),
            )
            for label, of in scores.items()
        ]
    except BROKEN as error:
        raise InputError(f"{folder}: its references cannot be read ({said(error)})") from error
