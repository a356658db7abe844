"""A line of our own Markdown as HTML."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_PARTS = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])|(?P<entity>&(?:amp|lt|gt|#\d+);)|(?P<strong>\*\*)|(?P<fence>`+)(?P<code>.+?)(?P=fence)(?!`)"
)


def inline(line: str) -> Markup:
    """What `harness.report.escape` and the words around it make: escapes, entities, bold print and code spans.

    Anything else, tags above all, is shown as it is.
    """
    html, at, bold = Markup(""), 0, False
    for part in _PARTS.finditer(line):
        html += escape(line[at : part.start()])
        at = part.end()
        if part["strong"]:
            html += Markup("</strong>" if bold else "<strong>")
            bold = not bold
        elif part["entity"]:
            html += Markup(part["entity"])
        elif part["code"]:
            html += Markup("<code>{}</code>").format(_unpadded(part["code"]))
        else:
            html += escape(part["escaped"])
    return html + escape(line[at:]) + Markup("</strong>" if bold else "")


def _unpadded(code: str) -> str:
    """Without the spaces that keep a code span's own backticks from its fence."""
    return code[1:-1] if len(code) > 2 and code[0] == code[-1] == " " and code.strip() else code
