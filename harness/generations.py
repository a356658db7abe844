"""generations.parquet: one row per generation of a job, written once they are all there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.atomic import replacing
from harness.columns import read_columns

_FLOATS = pa.list_(pa.float32())

SCHEMA = pa.schema(
    {
        "prompt_id": pa.string(),
        "prompt": pa.string(),
        "strategy": pa.string(),  # the job's label
        "seed": pa.int64(),
        "sample": pa.int32(),
        "text": pa.string(),  # the continuation alone, special tokens left out
        "tokens": pa.list_(pa.int32()),  # a closing eos included; the eight lists below are as long
        "ends": pa.list_(pa.int32()),  # characters of the text that are there once the token is decoded
        "logprob": _FLOATS,
        "strategy_logprob": _FLOATS,  # null for searches
        "entropy": _FLOATS,
        "kept": _FLOATS,  # null for searches
        "kept_mass": _FLOATS,  # null for searches
        "rank": _FLOATS,
        "gap": _FLOATS,
        "finish": pa.string(),  # eos, length, context
        "score": pa.float64(),  # what a search ranked its hypotheses by; null for sampling
    }
)
"""The columns, and no others. In all of them NaN is written as null."""

NEEDED = ("prompt_id", "prompt", "seed", "sample", "text", "tokens", "finish")
"""Those without which there is no report, and which hold no null."""

_FILE = "generations.parquet"
_KEY = b"decoding"
CHUNK = 4096
"""Rows that are in memory at once; a row group of the file."""


def write_rows(folder: Path, rows: Iterable[Mapping[str, Any]], key: str = "") -> None:
    """Write generations.parquet: whole, or not at all.

    Args:
        folder: of the job; it is made.
        rows: mappings with the keys of `SCHEMA`, lists or arrays where it has lists; taken a few at a time.
        key: that all of them were decoded under, if they may be used again (`World.decoding`); the file holds it.

    Raises:
        KeyError: a key is missing, or is not a column.
    """
    given, schema = iter(rows), SCHEMA.with_metadata({_KEY: key})
    with replacing(folder / _FILE) as temporary, _writer(temporary, schema) as file:
        while chunk := list(islice(given, CHUNK)):
            for row in chunk:
                if wrong := set(row) ^ set(SCHEMA.names):
                    raise KeyError(f"a generation's columns are {SCHEMA.names}; too many or missing: {sorted(wrong)}")
            columns = {f.name: pa.array([r[f.name] for r in chunk], f.type, from_pandas=True) for f in SCHEMA}
            file.write_table(pa.table(columns, schema))


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, schema, write_page_checksum=True)


def write_generations(folder: Path, frame: pd.DataFrame) -> None:
    """Write a frame with the columns of `SCHEMA` as generations.parquet."""
    write_rows(folder, ({str(key): value for key, value in row.items()} for row in frame.to_dict("records")))


def relabel(folder: Path, label: str) -> None:
    """Give the generations of a job another label; what else the file holds stays."""
    with (
        pq.ParquetFile(folder / _FILE) as given,
        replacing(folder / _FILE) as temporary,
        _writer(temporary, given.schema_arrow) as file,
    ):
        place = SCHEMA.get_field_index("strategy")
        for group in range(given.num_row_groups):
            rows = given.read_row_group(group)
            file.write_table(rows.set_column(place, SCHEMA.field(place), pa.array([label] * len(rows), pa.string())))


def read_generations(folder: Path) -> pd.DataFrame:
    """The generations of a job, lists as numpy arrays with NaN for null.

    Raises:
        FileNotFoundError: there are none.
        ValueError: the file holds something else.
    """
    whole = folder / _FILE
    if not whole.exists():
        raise FileNotFoundError(f"{whole}: no such file")
    return read_columns(whole, SCHEMA, NEEDED)


def read_written(folder: Path, key: str) -> pd.DataFrame:
    """The generations of a job as they were written under this key.

    Raises:
        FileNotFoundError: there are none.
        ValueError, OSError: another key, or none, stands in the file, as another program has written it; or its bytes
            are not those that were written.
    """
    read_generations(folder)
    with pq.ParquetFile(folder / _FILE, page_checksum_verification=True) as file:
        if (file.schema_arrow.metadata or {}).get(_KEY, b"").decode(errors="replace") != key:
            raise ValueError("another program has written the file")
        frame: pd.DataFrame = file.read().to_pandas()
    return frame
