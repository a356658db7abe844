"""A table of strings that the Markdown report and the page both show."""

from __future__ import annotations

from dataclasses import dataclass

from harness.report import escape


@dataclass(frozen=True)
class Grid:
    """The first column names the row; the others are numbers, right-aligned."""

    heads: list[str]
    rows: list[list[str]]
    note: str  # what the numbers are

    def to_markdown(self) -> str:
        """The table and, below it, the note."""
        lines = ["| " + " | ".join(map(escape.markdown, self.heads)) + " |", "|:--|" + "--:|" * (len(self.heads) - 1)]
        lines += ["| " + " | ".join([escape.markdown(label), *cells]) + " |" for label, *cells in self.rows]
        return "\n".join(lines) + f"\n\n{escape.markdown(self.note)}"
