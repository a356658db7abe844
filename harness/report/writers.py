"""A table as csv, Markdown, LaTeX and HTML: the same rounded numbers everywhere."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable

from markupsafe import Markup

from harness.report import escape
from harness.report.tables import ALPHA, MISSING, Cell, Table

_TEX_ARROWS = {"≈": r"$\approx$", "↑": r"$\uparrow$", "↓": r"$\downarrow$"}

MARK = "†"
DOT = "●"


def legend(table: Table, text: Callable[[str], str] = escape.markdown, dot: str = "") -> str:
    """What the arrows, the bold print and the marks mean: one line of Markdown, or of what `text` makes of labels.

    Args:
        table: what is shown.
        text: how labels are written.
        dot: what stands before the best of a column; "": nothing does.
    """
    by_gap = any(cell and cell.score.gap is not None for column in table.columns for cell in column.cells)
    said = f"≈ closer to the reference{' at equal lengths' if by_gap else ''} is better, ↑ higher, ↓ lower"
    cells = [cell for column in table.columns for cell in column.cells if cell]
    if any(cell.best for cell in cells):
        said += "; in bold the best of each column"
    if any(cell.good and not cell.best for cell in cells):
        said += (
            " and what is not significantly worse, paired over prompts: whichever is truly the best is among them with "
            f"a probability of {1 - ALPHA:.0%}"
        )
    if table.tests:
        tests = f"{table.tests} test{'s' * (table.tests > 1)}"
        said += (
            f"; {MARK} differs from {text(table.baseline)}, paired over prompts "
            f"(p < {ALPHA} after Holm's correction for {tests})"
        )
    return said + (f"; {dot} the best by itself" if dot and any(cell.best for cell in cells) else "")


def unranked(table: Table) -> dict[str, list[str]]:
    """In what signatures differ -> the columns that are not ranked for it, visibly."""
    found: dict[str, list[str]] = {}
    for column in table.columns:
        if column.differs:
            found.setdefault(escape.visible(column.differs), []).append(escape.visible(column.name))
    return found


def to_csv(table: Table) -> str:
    """Comma-separated values: a column per score, beside it `NAME low` and `NAME high` where it has intervals.

    `NAME p` follows where jobs were tested against the baseline: after Holm's correction over the table. A label that a
    spreadsheet would take for a formula begins with '.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    heads = ["strategy"]
    rows = [[escape.cell(label)] for label in table.labels]
    for column in table.columns:
        intervals = any(cell and cell.interval for cell in column.cells)
        tested = any(cell and not math.isnan(cell.p) for cell in column.cells)
        ends = [*([" low", " high"] if intervals else []), *([" p"] if tested else [])]
        heads += [f"{escape.cell(column.name)}{end}" for end in ("", *ends)]
        for values, cell in zip(rows, column.cells, strict=True):
            values.append(cell.value if cell else "")
            if intervals:
                values += cell.interval if cell and cell.interval else ("", "")
            if tested:
                values.append(f"{cell.p:.2g}" if cell and not math.isnan(cell.p) else "")
    writer.writerow(heads)
    writer.writerows(rows)
    return text.getvalue()


def to_markdown(table: Table) -> str:
    """A GitHub-flavoured Markdown table; bold print and marks as in `legend`, references in italics."""

    def show(cell: Cell | None) -> str:
        if cell is None:
            return MISSING
        interval = f" ({cell.interval[0]}–{cell.interval[1]})" if cell.interval else ""
        mark = MARK if cell.marked else ""
        dot = f"{DOT} " if cell.best else ""
        return f"{dot}**{cell.value}**{mark}{interval}" if cell.good else f"{cell.value}{mark}{interval}"

    lines = ["| strategy | " + " | ".join(f"{escape.markdown(c.name)} {c.arrow}" for c in table.columns) + " |"]
    lines.append("|:--|" + "--:|" * len(table.columns))
    for row, label in enumerate(table.labels):
        name = escape.markdown(label)
        cells = [name if row < table.jobs else f"*{name}*", *(show(column.cells[row]) for column in table.columns)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def to_latex(table: Table) -> str:
    """A booktabs tabular; bold print and marks as in `legend`, which is its comment, references below a rule."""

    def show(cell: Cell | None) -> str:
        if cell is None:
            return "--"
        interval = rf" {{\scriptsize({cell.interval[0]}--{cell.interval[1]})}}" if cell.interval else ""
        mark = r"$^\dagger$" if cell.marked else ""
        dot = r"$\bullet$\," if cell.best else ""
        return rf"{dot}\textbf{{{cell.value}}}{mark}{interval}" if cell.good else f"{cell.value}{mark}{interval}"

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
            *(f"% {line}" for line in _explained(table)),
            rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
            *body,
            r"  \bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def to_html(table: Table) -> str:
    """A table element and its legend, without styles of its own; bold print and marks as in `legend`.

    Signatures show under the pointer.
    """

    def show(cell: Cell | None) -> Markup:
        if cell is None:
            return Markup("<td>{}</td>").format(MISSING)
        value = Markup("<strong>{}</strong>" if cell.good else "{}").format(cell.value)
        dot = f"{DOT} " if cell.best else ""
        interval = Markup(" <small>({}–{})</small>").format(*cell.interval) if cell.interval else ""
        html = Markup('<td title="{}">{}{}{}{}</td>')
        return html.format(escape.visible(cell.score.signature), dot, value, MARK if cell.marked else "", interval)

    heads = [Markup("<th>{} {}</th>").format(escape.visible(column.name), column.arrow) for column in table.columns]
    rows = []
    for row, label in enumerate(table.labels):
        name = Markup("<th>{}</th>" if row < table.jobs else "<th><em>{}</em></th>").format(escape.visible(label))
        cells = [show(column.cells[row]) for column in table.columns]
        rows.append(Markup("<tr>{}</tr>").format(Markup("").join([name, *cells])))
    html = Markup("<table>\n<thead><tr><th>strategy</th>{}</tr></thead>\n<tbody>\n{}\n</tbody>\n</table>\n<p>{}.</p>\n")
    return str(html.format(Markup("").join(heads), Markup("\n").join(rows), ". ".join(_explained(table))))


def _explained(table: Table) -> list[str]:
    """The legend, and what is not ranked, as plain sentences."""
    said = [legend(table, escape.visible, DOT)]
    return said + [f"not ranked, as signatures differ in {why}: {', '.join(n)}" for why, n in unranked(table).items()]
