"""The columns of a result's parquet file, checked: reports rely on their types."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

MOST = 100_000
"""Samples of a prompt, and more than any run has: a page lists all numbers below the largest."""


def read_columns(file: Path, schema: pa.Schema, needed: Collection[str]) -> pd.DataFrame:
    """The rows of a parquet file, lists as numpy arrays with NaN for null.

    Args:
        file: whose columns are those of `schema`, or some of them (older versions wrote fewer), or others besides.
        schema: what they hold; of numbers any width will do.
        needed: the columns that have to be there, and of which no value may be null.

    Raises:
        ValueError: a column is missing, or holds something else.
    """
    table = pq.ParquetFile(file).read()  # not read_table: that one takes a folder named `temperature=0.7` for a column
    there = set(table.column_names)
    if len(there) < len(table.column_names):
        raise ValueError(f"{file.name}: two columns have one name")
    if missing := [name for name in needed if name not in there]:
        raise ValueError(f"{file.name}: has no column {missing[0]!r}")
    for field in schema:
        if field.name in there:
            _check(f"{file.name}: column {field.name!r}", table[field.name], field, field.name in needed)
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _check(shown: str, values: pa.ChunkedArray, field: pa.Field, needed: bool) -> None:
    if _kind(values.type) != _kind(field.type):
        raise ValueError(f"{shown} holds {values.type}, and not {field.type}")
    if needed and values.null_count:
        raise ValueError(f"{shown} holds a null")
    flat = pc.list_flatten(values) if pa.types.is_list(field.type) else values
    if _kind(flat.type) == "whole" and len(flat):
        if flat is not values and flat.null_count:
            raise ValueError(f"{shown} holds a null")
        span = pc.min_max(flat).as_py()
        if (span["min"] or 0) < 0 or (field.name == "sample" and (span["max"] or 0) >= MOST):
            raise ValueError(f"{shown} holds numbers from {span['min']} to {span['max']}")


def _kind(kind: pa.DataType) -> Any:
    """What makes two types the same for a reader."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return ("list", _kind(kind.value_type))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    if pa.types.is_integer(kind):
        return "whole"
    return "number" if pa.types.is_floating(kind) else str(kind)
