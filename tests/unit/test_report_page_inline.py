"""Lines of Markdown as HTML: the text they show, and never a tag of their own."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from harness.report import escape
from harness.report.page.inline import inline

NASTY = st.text(st.sampled_from("ab *_`\\<>&;#1amp~|[]()!$.:/@\u202e\n😀"), max_size=30)


def shown(markup: str) -> str:
    return html.unescape(re.sub(r"</?(strong|code|p)>", "", markup))


@given(NASTY | st.text(max_size=30))
def test_escaped_text_shows_itself(text: str) -> None:
    assert shown(inline(escape.markdown(text))) == escape.visible(text)


@given(NASTY)
def test_no_tag_but_ours_comes_out(text: str) -> None:
    """Of any line at all, ours or not."""
    assert "<" not in re.sub(r"</?(strong|code)>", "", inline(text))


@given(NASTY, NASTY)
def test_it_reads_as_a_markdown_renderer_reads_it(label: str, code: str) -> None:
    if not label.strip() or not code.strip():
        return
    line = f"On it: **x{escape.markdown(label)}x** and {escape.code(code)}."
    rendered = MarkdownIt("commonmark").render(line).strip().removeprefix("<p>").removesuffix("</p>")
    assert html.unescape(inline(line)) == html.unescape(rendered)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a **b** c", "a <strong>b</strong> c"),
        (r"a \*\*b\*\*", "a **b**"),
        ("`a<b`", "<code>a&lt;b</code>"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("an open **end", "an open <strong>end</strong>"),
    ],
)
def test_examples(line: str, expected: str) -> None:
    assert inline(line) == expected
