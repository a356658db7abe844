"""Text that stays text: in Markdown, in LaTeX, in spreadsheets, and in front of people's eyes."""

from __future__ import annotations

import re
import unicodedata

# What means something inside a line. An underscore between letters or digits does not.
_MARKDOWN = re.compile(r"[\\`*\[\]|~$#]|(?<![^\W_])_|_(?![^\W_])")
_HIDDEN = ("Cc", "Cf", "Cs", "Co")
_FORMULA = tuple("=+-@＝＋－＠")  # what begins a formula for spreadsheets, some of which take the wide ones too
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "<": r"\textless{}",  # which the usual fonts of LaTeX show as ¡, ¿ and —
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{char: "\\" + char for char in "&%$#_{}"},
    **{char: f"{{{char}}}" for char in "[*"},  # after the \\ of the row above they would be its options
}


def visible(text: str) -> str:
    """`text` on one line: line ends as ↵, tabs as spaces, and characters named that show nothing or turn it around.

    Unicode's control, format, surrogate and private characters become `⟨U+202E⟩`; the joiners of emoji and of some
    scripts stay.
    """
    lines = re.sub(r"\r\n|[\r\n\v\f\x85\u2028\u2029]", "↵", text).replace("\t", "    ")
    return "".join(
        f"⟨U+{ord(char):04X}⟩" if unicodedata.category(char) in _HIDDEN and char not in "\u200c\u200d" else char
        for char in lines
    )


def markdown(text: str) -> str:
    """`text` as Markdown that shows itself inside a line, a heading or a cell; not at the start of a paragraph."""
    shown = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = _MARKDOWN.sub(r"\\\g<0>", shown)
    # GitHub makes links of bare addresses, whatever is escaped in them, unless an entity breaks them.
    escaped = re.sub(r"(?i)(https?|ftp):(?=//)", r"\1&#58;", escaped)
    escaped = re.sub(r"(?i)\b(www)\.", r"\1&#46;", escaped)
    return re.sub(r"(?<=\S)@(?=\S)", "&#64;", escaped)


def code(text: str) -> str:
    """`text` as a Markdown code span."""
    shown = visible(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    pad = " " if shown[:1] in ("`", " ") or shown[-1:] in ("`", " ") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def code_block(text: str, language: str = "") -> str:
    """`text` as a fenced block of code."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def cell(text: str) -> str:
    """`text` as a cell of a CSV file: one line, and never a formula; what would be one gets a ' in front."""
    shown = visible(text)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown


def latex(text: str) -> str:
    """`text` as LaTeX that shows itself."""
    return "".join(_LATEX.get(char, char) for char in visible(text))
