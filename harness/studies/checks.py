"""Facts that should hold: what was expected, what was found, and how far the two are apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.report.escape import code, markdown
from harness.studies.wording import number, table


@dataclass(frozen=True)
class Check:
    """One fact. `held` is None where it could not be looked at, and `note` says why."""

    name: str
    expected: Any
    found: Any = None
    held: bool | None = None
    note: str = ""


def same(name: str, expected: Any, found: Any) -> Check:
    """Whether two texts, token lists or numbers are equal; if not, where they part."""
    expected, found = (list(each) if isinstance(each, tuple) else each for each in (expected, found))
    if expected == found:
        return Check(name, expected, found, True)
    if isinstance(expected, Sequence) and isinstance(found, Sequence):
        common = next((i for i, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b), None)
        part = common if common is not None else min(len(expected), len(found))
        what = "character" if isinstance(expected, str) else "element"
        return Check(name, expected, found, False, f"first {part} {what}s equal")
    return Check(name, expected, found, False)


def close(name: str, expected: float, found: float, within: float) -> Check:
    """Whether two numbers are at most `within` apart: half a unit of the last digit, or what the source says."""
    apart = abs(found - expected)
    held = bool(apart <= within) if math.isfinite(apart) else found == expected
    return Check(name, expected, found, held, f"difference {number(found - expected, 2)}, allowed {number(within, 2)}")


def skipped(name: str, expected: Any, why: str) -> Check:
    """A fact that cannot be looked at here."""
    return Check(name, expected, note=why)


def failures(checks: Iterable[Check]) -> list[str]:
    """One sentence if any check failed."""
    checks = list(checks)
    failed = [check.name for check in checks if check.held is False]
    return [f"{len(failed)} of {len(checks)} checks failed: {', '.join(failed)}"] if failed else []


def markdown_table(checks: Iterable[Check]) -> str:
    """The checks as a Markdown table."""
    verdict = {True: "pass", False: "**fail**", None: "skipped"}
    rows = [(markdown(c.name), _cell(c.expected), _cell(c.found), verdict[c.held], markdown(c.note)) for c in checks]
    return table(rows, "what", "expected", "found", "", "")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return number(value, 6)
    return code(value if isinstance(value, str) else str(value)).replace("|", "\\|") or '""'
