"""The tables, as Markdown, from what was simulated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from experiments.speed.table import markdown

Rows = Sequence[Mapping[str, Any]]

LEAST, MOST = 0.93, 0.97  # where coverage should be, from 100 prompts on


def report(found: Mapping[str, Rows]) -> str:
    """All of them; those not simulated are left out."""
    parts = []
    if found["coverage"]:
        parts.append("### Coverage of 95% intervals\n\n" + grid(found["coverage"], "how", covered) + "\n\n" + _LEGEND)
    if found["errors"]:
        parts.append("### Tests at 5% of equal numbers\n\n" + grid(found["errors"], "test", rejected))
        ours = [row for row in found["errors"] if "covered" in row]
        parts.append("### Coverage of 95% intervals of differences\n\n" + grid(ours, "test", covered, name="p-value"))
    if found["holm"]:
        parts.append("### Tables with a false difference in them\n\n" + grid(found["holm"], "test", rejected))
    if found["speed"]:
        parts.append("### Seconds, one thread\n\n" + seconds(found["speed"]))
    return "\n\n".join(parts) + "\n"


_LEGEND = (
    "Below / above: intervals that lie below and above the truth. **Bold**: outside 93% to 97% at 100 prompts or more."
)


def grid(rows: Rows, by: str, cell: Callable[[Mapping[str, Any]], str], name: str = "") -> str:
    """A line for every number and value of `by`, a column for every count of prompts."""
    counts = sorted({row["prompts"] for row in rows})
    lines: dict[tuple[str, str], dict[int, str]] = {}
    for row in rows:
        lines.setdefault((row["number"], row[by]), {})[row["prompts"]] = cell(row)
    head = ["number", name or by, *(f"{n} prompts" for n in counts)]
    return markdown([head, *([*key, *(line.get(n, "") for n in counts)] for key, line in lines.items())], right=2)


def seconds(rows: Rows) -> str:
    """A line for every way in which numbers combine."""
    size = f"{rows[0]['prompts']:,} prompts, {rows[0]['resamples']:,} resamples"
    head = [size, "interval, first number", "interval, later numbers", "paired"]
    body = ([row["number"], *(f"{row[key]:.2f}" for key in ("first", "later", "paired"))] for row in rows)
    return markdown([head, *body])


def covered(row: Mapping[str, Any]) -> str:
    """The share in percent, and on which side the others are."""
    shown = f"{row['covered']:.1%}"
    if row["prompts"] >= 100 and not LEAST <= row["covered"] <= MOST:
        shown = f"**{shown}**"
    return f"{shown} ({row['below']:.1%} / {row['above']:.1%})" if "below" in row else shown


def rejected(row: Mapping[str, Any]) -> str:
    """The share in percent."""
    return f"{row['rejected']:.1%}"
