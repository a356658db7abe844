"""generations.parquet: one row per generation, written as they come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.atomic import replacing

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

_FILE = "generations.parquet"
_PARTS = "generations.part-*.parquet"


class GenerationWriter:
    """Writes a job's generations while they come.

    Parquet files cannot be appended to: every `chunk` rows become a part file of their own, and `close` merges the
    parts into generations.parquet. A process that dies loses the rows since the last part; `read_generations` finds the
    rest.

        with GenerationWriter(folder) as writer:
            writer.append(rows)

    Leaving the block by an exception writes what is buffered as a last part and merges nothing.
    """

    def __init__(self, folder: Path, chunk: int = 256) -> None:
        """Start afresh: parts that an earlier run left in `folder` are deleted."""
        self.folder, self.chunk = folder, chunk
        self._rows: list[Mapping[str, Any]] = []
        self._parts: list[Path] = []
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob(_PARTS):
            stale.unlink()

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows: mappings with the keys of `SCHEMA`, lists or arrays where it has lists.

        Raises:
            KeyError: a key is missing, or is not a column.
        """
        for row in rows:
            if wrong := set(row) ^ set(SCHEMA.names):
                raise KeyError(f"a generation's columns are {SCHEMA.names}; too many or missing: {sorted(wrong)}")
            self._rows.append(row)
            if len(self._rows) >= self.chunk:
                self.flush()

    def flush(self) -> None:
        """Write the buffered rows as a part."""
        if self._rows:
            columns = {f.name: pa.array([r[f.name] for r in self._rows], f.type, from_pandas=True) for f in SCHEMA}
            part = self.folder / _PARTS.replace("*", f"{len(self._parts) + 1:06d}")
            with replacing(part) as temporary:
                pq.write_table(pa.table(columns, schema=SCHEMA), temporary)
            self._parts.append(part)
            self._rows = []

    def close(self) -> None:
        """Merge the parts into generations.parquet, one part in memory at a time."""
        self.flush()
        with replacing(self.folder / _FILE) as temporary, pq.ParquetWriter(temporary, SCHEMA) as merged:
            for part in self._parts:
                merged.write_table(pq.ParquetFile(part).read())
        for part in self._parts:
            part.unlink()
        self._parts = []

    def __enter__(self) -> GenerationWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.flush()


def write_generations(folder: Path, frame: pd.DataFrame) -> None:
    """Write a frame with the columns of `SCHEMA` as generations.parquet."""
    with GenerationWriter(folder, chunk=4096) as writer:
        writer.append({str(key): value for key, value in row.items()} for row in frame.to_dict("records"))


def read_generations(folder: Path) -> pd.DataFrame:
    """The generations of a job, lists as numpy arrays with NaN for null; of a job that died, the parts it finished.

    Raises:
        FileNotFoundError: there are none.
    """
    whole = folder / _FILE
    files = [whole] if whole.exists() else sorted(folder.glob(_PARTS))
    if not files:
        raise FileNotFoundError(f"{whole}: no such file, and no parts of it")
    # ParquetFile, not read_table: that one takes a folder named `temperature=0.7` for a column.
    frame: pd.DataFrame = pa.concat_tables([pq.ParquetFile(file).read() for file in files]).to_pandas()
    return frame
