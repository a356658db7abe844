"""Labels and names that would do something to whatever shows them: a whole report of them, in every format."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from harness.configs import option
from harness.inspect.command import Choice
from harness.inspect.outcome import built, outcome
from harness.inspect.step import look
from harness.inspect.terminal import print_step
from harness.report import figures
from harness.report.escape import cell
from harness.report.publish import publish
from harness.report.tables import tabulate
from harness.report.terminal import print_table
from harness.results import read_sweep
from tests import sweeps
from tests.table_model import table_model

LABELS = (
    '=HYPERLINK("http://evil.example","here")',
    "+1+cmd|' /C calc'!A0",
    "@SUM(1+1)*2 $x^2$ \\input{/etc/passwd}",
    "-2 <svg onload=alert(1)>&<b>",
    "\x1b[2J\x1b]0;title\x07\u202e\x9b31m \x00",
)
NAME = "x\x1b[2J<!--$\\write18{ls}$"


@dataclass(frozen=True)
class Published:
    folder: Path
    terminal: str

    def text(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """The report of a sweep whose labels, model, command and metrics are nasty."""
    folder = tmp_path_factory.mktemp("sweep")
    heats = {label: (0.2 * i, {"temperature": 0.1 + i, "text": label}) for i, label in enumerate(LABELS)}
    sweeps.sweep(folder, heats, models=(NAME,), prompts=6)
    for file in folder.glob("**/scores.json"):
        records = json.loads(file.read_text())
        records[0]["name"] = "=1+1\x1b[2J"
        records[0] |= {"notes": ["a note \x1b[2J <b>"], "gap": 0.1, "gap_low": 0.05, "gap_high": 0.2, "gap_p": 0.01}
        file.write_text(json.dumps(records))
    (folder / "sweep.json").write_text(
        json.dumps(json.loads((folder / "sweep.json").read_text()) | {"name": NAME, "command": NAME})
    )
    sweep = read_sweep(folder)
    table = tabulate(sweep.jobs, sweep.references)
    with pytest.MonkeyPatch.context() as patch:
        chosen = [each for each in figures.DRAWINGS if each.stem in ("plane", "perplexity", "repetition")]
        patch.setattr(figures, "DRAWINGS", chosen)  # the others write labels as these do, and take seconds
        written = publish(sweep, table, folder / "out")
    screen = io.StringIO()
    for width in (80, 1000):
        print_table(sweep, written, Console(file=screen, width=width), table=table)
    return Published(folder / "out", screen.getvalue())


def hidden(text: str) -> set[str]:
    """Characters that a terminal obeys, or that turn around what is shown."""
    return {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co")} - {"\n"}


def test_a_terminal_gets_nothing_to_obey(published: Published) -> None:
    assert "=HYPERLINK(" in published.terminal
    assert not hidden(published.terminal)


@pytest.mark.parametrize("name", ["table.csv", "gaps.csv", "table.md", "table.tex", "report.md", "report.html"])
def test_no_file_holds_what_a_terminal_or_an_editor_obeys(published: Published, name: str) -> None:
    text = published.text(name)
    if name == "report.md":  # its block of code is the command as it has to be typed
        text = re.sub(r"^```sh\n.*?\n```$", "", text, flags=re.M | re.S)
    assert not hidden(text)


@pytest.mark.parametrize("name", ["table.csv", "gaps.csv"])
def test_no_cell_of_a_spreadsheet_is_a_formula(published: Published, name: str) -> None:
    rows = list(csv.reader(io.StringIO(published.text(name))))
    assert len(rows) > len(LABELS)
    texts = [row[0] for row in rows[1:]] + ([row[1] for row in rows[1:]] if name == "gaps.csv" else rows[0])
    assert not [text for text in texts if text.startswith(("=", "+", "-", "@"))]
    assert cell(LABELS[0]) in texts or name == "gaps.csv"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("  \t=1", "'      =1"),
        ("-x", "'-x"),
        ("＝1", "'＝1"),
        ("\n@x", "↵@x"),
        ("top_p(top_p=0.9)", "top_p(top_p=0.9)"),
        ("τ = -1", "τ = -1"),
    ],
)
def test_a_cell_says_what_it_said(text: str, shown: str) -> None:
    assert cell(text) == shown


def test_latex_holds_its_own_commands_alone(published: Published) -> None:
    allowed = {
        "usepackage", "begin", "end", "toprule", "midrule", "bottomrule", "textbf", "scriptsize", "dagger", "bullet",
        "approx", "uparrow", "downarrow", "textbackslash", "textasciitilde", "textasciicircum", "textless",
        "textgreater", "textbar",
    }  # fmt: skip
    assert set(re.findall(r"\\([A-Za-z]+)", published.text("table.tex"))) <= allowed


def test_markdown_holds_no_tag_of_anybody_s(published: Published) -> None:
    for name in ("table.md", "report.md"):
        text = re.sub(r"^```.*?^```$", "", published.text(name), flags=re.M | re.S)
        assert not re.search(r"<[a-zA-Z!/]", re.sub(r"(`+)[^`].*?\1", "", text)), name


def test_figures_are_whole_and_write_labels_as_they_are(published: Published) -> None:
    """A dollar is no formula, a control character no end of the file, < no element."""
    files = sorted((published.folder / "figures").glob("*.svg"))
    assert len(files) == 3
    for file in files:
        root = ElementTree.parse(file).getroot()
        tags = {each.tag.rpartition("}")[2] for each in root.iter()}
        assert not tags & {"script", "foreignObject", "a", "image"}, file.name
        assert not {name for each in root.iter() for name in each.attrib if name.lower().startswith("on")}
        assert not hidden(file.read_text(encoding="utf-8"))
    drawn = "".join(file.read_text(encoding="utf-8") for file in files)
    assert "$x^2$" in drawn  # matplotlib writes what it draws beside the outlines
    assert "-2 &lt;svg onload=alert(1)&gt;&amp;&lt;b&gt;" in drawn


def test_a_model_s_name_and_a_knob_s_text_do_nothing_to_the_terminal_of_inspect() -> None:
    model = table_model(6)
    model.name = "a\x1b[2J\x07b"
    step = look(model, "abc")
    choice = Choice("min_p\x1b]0;x\x07", option("strategy", "min_p"))
    screen = io.StringIO()
    print_step(step, [outcome(step, choice, built(choice))], 3, Console(file=screen, width=80))
    assert "a⟨U+001B⟩[2J⟨U+0007⟩b" in screen.getvalue()
    assert "min_p⟨U+001B⟩]0;x" in screen.getvalue()
    assert not hidden(screen.getvalue())
