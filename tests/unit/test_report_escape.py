"""Text that stays text: what a Markdown renderer makes of it is the text itself."""

from __future__ import annotations

import html
import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from harness.report.escape import code, code_block, latex, markdown, visible

TEXTS = st.text(st.characters(codec="utf-8")) | st.text(st.sampled_from("*_`[]()|\\<>&!#-+=~$\n\t \"'1.ab:/@w{}"))
NASTY = [
    "a | b || c",
    "<script>alert(1)</script>",
    "&amp; &lt; &#42;",
    "`code` ``two`` \\`",
    "**bold** _it_ __init__ snake_case ~~no~~",
    "![x](http://y) [a][b] <http://z>",
    "# no\n- list\n1. one\n> quote\n```\nfence\n```",
    "back\\|slash \\\\",
    "line  \nbreak\r\nhere",
    "$x^2$ $$y$$",
    "\x1b[31mred\x07 \0 \u202e abc \ufeff",
    "👩‍👩‍👧 שלום عربى",
]

renderer = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def plain(rendered: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", rendered))


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


@given(TEXTS)
@example("__init__")
@example("a_b_c *d*")
@example("\\")
@example("trailing #")
def test_in_a_cell_text_shows_itself(text: str) -> None:
    rendered = renderer.render(f"| h | i |\n|--|--|\n| x{markdown(text)}x | second |\n")
    cells = re.findall(r"<td>(.*?)</td>", rendered, re.S)
    assert len(cells) == 2
    assert "<" not in cells[0]
    assert squeezed(html.unescape(cells[0])) == squeezed(f"x{visible(text)}x")
    assert cells[1] == "second"


@given(TEXTS)
def test_in_a_line_text_shows_itself(text: str) -> None:
    rendered = renderer.render(f"**Label.** x{markdown(text)}x")
    assert rendered.startswith("<p><strong>Label.</strong> x")
    assert squeezed(plain(rendered)) == squeezed(f"Label. x{visible(text)}x")


@pytest.mark.parametrize("text", NASTY)
def test_nasty_texts(text: str) -> None:
    test_in_a_cell_text_shows_itself.hypothesis.inner_test(text)  # type: ignore[attr-defined]
    test_in_a_line_text_shows_itself.hypothesis.inner_test(text)  # type: ignore[attr-defined]


@given(TEXTS)
def test_a_code_span_shows_itself(text: str) -> None:
    rendered = renderer.render(f"a {code('x' + text)} b")
    found = re.fullmatch(r"<p>a <code>(.*)</code> b</p>\n", rendered, re.S)
    assert found
    assert squeezed(html.unescape(found[1])) == squeezed("x" + visible(text))


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\0")))
def test_a_code_block_shows_itself(text: str) -> None:
    rendered = renderer.render(code_block(text, "sh"))
    assert rendered.startswith('<pre><code class="language-sh">')
    assert html.unescape(rendered.removeprefix('<pre><code class="language-sh">')).startswith(text)
    assert rendered.count("<pre>") == 1


def test_bare_addresses_are_no_links_on_github() -> None:
    shown = markdown("see https://a.b/c, WWW.d.e and me@f.g")
    assert not re.search(r"://|www\.|\w@\w", shown, re.I)
    assert plain(renderer.render(shown)).strip() == "see https://a.b/c, WWW.d.e and me@f.g"


def test_what_cannot_be_seen_is_named() -> None:
    assert visible("a\0b\x1b\u202ec\ud800") == "a⟨U+0000⟩b⟨U+001B⟩⟨U+202E⟩c⟨U+D800⟩"
    assert visible("a\r\nb\nc\td\u2028e") == "a↵b↵c    d↵e"
    assert visible("👩‍👩‍👧 naïve שלום") == "👩‍👩‍👧 naïve שלום"


@given(st.text())
def test_nothing_invisible_is_left(text: str) -> None:
    hidden = {char for char in visible(text) if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")}
    assert hidden <= {"\u200c", "\u200d"}


def test_latex_specials() -> None:
    assert latex("50%_a & {b} $c #d \\ ~ ^") == (
        r"50\%\_a \& \{b\} \$c \#d \textbackslash{} \textasciitilde{} \textasciicircum{}"
    )


def test_latex_of_what_old_fonts_show_as_other_signs_and_of_what_a_row_s_end_takes_for_itself() -> None:
    assert latex("a<b>c|d") == r"a\textless{}b\textgreater{}c\textbar{}d"
    assert latex("[z] *y") == "{[}z] {*}y"
