"""What a cache has to copy: rows, or parts of rows."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Move:
    """Rows whose last columns become those of other rows; the columns before are equal already."""

    target: Tensor
    source: Tensor
    columns: int


@dataclass(frozen=True, slots=True)
class Shift:
    """Rows that lose as many of their last columns."""

    rows: Tensor
    by: int
