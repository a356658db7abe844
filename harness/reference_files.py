"""references.parquet and references.json: the reference texts as a model reads them, and their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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

NEEDED = ("reference", "prompt_id", "text", "tokens")
"""Those of them without which there is no report."""


@dataclass(frozen=True)
class References:
    """The reference texts as one model reads them, and their scores."""

    label: str  # the row's name in a table: "reference"; "reference pocket-s" where several models read them
    frame: pd.DataFrame  # prompt_id, prompt, text, tokens, ends, logprob, entropy, rank, gap
    scores: list[ScoreRecord]


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
