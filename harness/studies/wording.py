"""How answers say numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any


def number(value: float | None, digits: int = 3) -> str:
    """A number to so many significant digits: 0.0412, 1,234, 3.2e-07, ∞; – where there is none."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}"
    return f"{value:,.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"


def interval(value: float | None, low: float | None = None, high: float | None = None, digits: int = 3) -> str:
    """A number and its interval: 0.412 (0.38 to 0.44); the number alone where there is none."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return number(value, digits)
    return f"{number(value, digits)} ({number(low, digits)} to {number(high, digits)})"


def percent(value: float | None, digits: int = 0) -> str:
    """A share as a percentage: 0.25 is 25%."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{digits}f}%"


def table(rows: Iterable[Sequence[Any]], *heads: str) -> str:
    """Rows of cells, numbers and texts, as a Markdown table; texts are taken as Markdown."""
    cells = [[cell if isinstance(cell, str) else number(cell) for cell in row] for row in rows]
    lines = [heads, ["---"] * len(heads), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
