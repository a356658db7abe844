"""A table as csv, Markdown and LaTeX: the same rounded numbers everywhere."""

from __future__ import annotations

import csv
import io

from harness.report import escape
from harness.report.tables import MISSING, Cell, Table

_TEX_ARROWS = {"≈": r"$\approx$", "↑": r"$\uparrow$", "↓": r"$\downarrow$"}

LEGEND = "≈ closer to the reference is better, ↑ higher, ↓ lower; in bold the best of each column"


def to_csv(table: Table) -> str:
    """Comma-separated values: a column per score, and `NAME low` and `NAME high` beside it where it has intervals."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [(column, any(cell and cell.interval for cell in column.cells)) for column in table.columns]
    writer.writerow(
        ["strategy", *(f"{c.name}{end}" for c, has in columns for end in (("", " low", " high") if has else ("",)))]
    )
    for row, label in enumerate(table.labels):
        values = [label]
        for column, has in columns:
            cell = column.cells[row]
            values.append(cell.value if cell else "")
            if has:
                values += cell.interval if cell and cell.interval else ("", "")
        writer.writerow(values)
    return text.getvalue()


def to_markdown(table: Table) -> str:
    """A GitHub-flavoured Markdown table; best in bold, references in italics."""

    def show(cell: Cell | None) -> str:
        if cell is None:
            return MISSING
        interval = f" ({cell.interval[0]}–{cell.interval[1]})" if cell.interval else ""
        return f"**{cell.value}**{interval}" if cell.best else f"{cell.value}{interval}"

    lines = ["| strategy | " + " | ".join(f"{escape.markdown(c.name)} {c.arrow}" for c in table.columns) + " |"]
    lines.append("|:--|" + "--:|" * len(table.columns))
    for row, label in enumerate(table.labels):
        name = escape.markdown(label)
        cells = [name if row < table.jobs else f"*{name}*", *(show(column.cells[row]) for column in table.columns)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def to_latex(table: Table) -> str:
    """A booktabs tabular; best in bold, references below a rule."""

    def show(cell: Cell | None) -> str:
        if cell is None:
            return "--"
        interval = rf" {{\scriptsize({cell.interval[0]}--{cell.interval[1]})}}" if cell.interval else ""
        return rf"\textbf{{{cell.value}}}{interval}" if cell.best else f"{cell.value}{interval}"

    def line(*cells: str) -> str:
        return "  " + " & ".join(cells) + r" \\"

    rows = [
        line(escape.latex(label), *(show(column.cells[row]) for column in table.columns))
        for row, label in enumerate(table.labels)
    ]
    heads = [f"{escape.latex(column.name)} {_TEX_ARROWS[column.arrow]}" for column in table.columns]
    body = [r"  \toprule", line("strategy", *heads), r"  \midrule", *rows[: table.jobs]]
    if rows[table.jobs :]:
        body += [r"  \midrule", *rows[table.jobs :]]
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
            *body,
            r"  \bottomrule",
            r"\end{tabular}",
            "",
        ]
    )
