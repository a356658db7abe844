"""What a person at a terminal sees while a sweep decodes, and that nobody else sees anything."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from rich.cells import cell_len
from rich.console import Console

from harness import progress
from harness.progress import Progress

Clock = Callable[[float], None]


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sets the time that samples are shown by."""
    now = [0.0]
    monkeypatch.setattr("harness.progress.time.monotonic", lambda: now[0])
    return lambda seconds: now.__setitem__(0, seconds)


def terminal(width: int = 100, watched: bool = True) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, force_terminal=watched, width=width, color_system=None, legacy_windows=False), file


def lines(file: io.StringIO) -> list[str]:
    """What was ever on the screen, without the codes that move the cursor."""
    return [line.rstrip() for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue()))]


def last(file: io.StringIO) -> str:
    return next(line for line in reversed(lines(file)) if "/" in line)


def test_it_says_how_much_is_done_how_fast_and_what_is_left() -> None:
    console, file = terminal()
    with Progress("decoding m", 8, console) as bar:
        for _ in range(6):
            bar.advance(rows=4)
        (task,) = bar._bar.tasks
        task.start_time, task.stop_time = 0.0, 2.0
    assert "decoding m" in last(file)
    assert "6/8" in last(file)
    assert "12 rows/s" in last(file)  # 24 rows in two seconds
    assert re.search(r"0:00:02\s+left", last(file))


def test_what_has_no_rows_has_no_rate() -> None:
    console, file = terminal()
    with Progress("measuring m", 3, console) as bar:
        bar.advance()
    assert "1/3" in last(file)
    assert "rows/s" not in file.getvalue()


def test_a_slow_rate_has_a_digit_more() -> None:
    console, file = terminal()
    with Progress("decoding m", 8, console) as bar:
        bar.advance(rows=3)
        (task,) = bar._bar.tasks
        task.start_time, task.stop_time = 0.0, 2.0
    assert "1.5 rows/s" in last(file)


def test_before_anything_is_finished_steps_say_how_fast_and_how_long(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress._Left, "max_refresh", None)  # else nothing new is shown within half a second
    console, file = terminal()
    with Progress("decoding m", 8, console) as bar:
        clock(10)
        bar.step(2.0, 62)
        assert bar._bar.tasks[0].fields["seconds"] is None  # one step says nothing of the time between two
        clock(12)
        bar.step(4.0, 61)
        (task,) = bar._bar.tasks
        task.start_time, task.stop_time = 0.0, 8.0
    assert "0/8" in last(file)
    assert "0.5 rows/s" in last(file)  # half of each of eight rows in eight seconds
    assert last(file).endswith("left at most 0:02:02")


def test_rows_that_end_early_count_whole_and_once(clock: Clock) -> None:
    console, file = terminal()
    with Progress("decoding m", 8, console) as bar:
        for second in range(1, 41):
            clock(second if second < 9 else 9 + 3 * (second - 9))  # steps that have come to take three seconds
            bar.step(second / 10, 64 - second)
        bar.advance(rows=4)
        bar.step(2.0, 20)
        (task,) = bar._bar.tasks
        assert task.fields["rows"] == 6.0
        assert task.fields["seconds"] == pytest.approx(20 * 31 * 3 / 32, rel=0.1)  # the last steps count
        bar.advance(7, rows=28)
        bar.step(0.0, 0)
        assert task.fields["rows"] == 32
        task.start_time, task.stop_time = 0.0, 8.0
    assert "8/8" in last(file)
    assert "4.0 rows/s" in last(file)
    assert last(file).endswith("left 0:00:00")


def test_the_line_fits_a_usual_terminal() -> None:
    console, file = terminal(width=80)
    with Progress("decoding pocket-m", 12_800, console) as bar:
        for _ in range(3):
            bar.step(4000.0, 10**6)
        bar.advance(rows=4)
    shown = last(file)
    assert re.search(r"decoding pocket-m .*1/12800 [\d,]+ rows/s \d:\d\d:\d\d left at most \d+:\d\d:\d\d", shown)


def test_a_sample_stays_for_a_while(clock: Clock) -> None:
    console, file = terminal()
    with Progress("decoding m", 8, console) as bar:
        for seconds, text in ((0, "first"), (progress.SAMPLE - 1, "second"), (progress.SAMPLE, "third"), (99, "?")):
            clock(seconds)
            bar.advance(label="top_p", text=lambda: text + " of the texts it is" * (text != "?"))
            bar._bar.refresh()
    samples = [line for line in dict.fromkeys(lines(file)) if line.startswith("top_p")]
    assert samples == ["top_p  first of the texts it is", "top_p  third of the texts it is"]


def test_nothing_is_left_behind() -> None:
    console, file = terminal()
    with Progress("decoding m", 8, console) as bar:
        bar.advance(label="top_p", text=lambda: "Once upon a time there was a fox")
    assert file.getvalue().endswith("\x1b[2K")  # the line is erased


@pytest.mark.parametrize("text", ["word " * 400, "狐狸" * 200, "🦊" * 200, "a\n" * 300])
def test_a_sample_is_one_line_of_the_terminal(text: str) -> None:
    console, file = terminal(width=50)
    with Progress("m", 8, console) as bar:
        bar.advance(label="top_p", text=lambda: text)
    shown = [line for line in lines(file) if line.startswith("top_p  ")]
    assert {cell_len(line) <= 50 for line in shown} == {True}
    assert all(line.endswith("…") for line in shown)


def test_a_sample_cannot_drive_the_terminal() -> None:
    console, file = terminal()
    with Progress("m", 8, console) as bar:
        bar.advance(label="[bold]x\x1b[2J", text=lambda: "a\x1b]0;title\x07b\r\n\u202ec [red]d[/red] :fox: \x9b2J")
    (sample,) = {line for line in lines(file) if "title" in line}
    assert sample == "[bold]x⟨U+001B⟩[2J  a⟨U+001B⟩]0;title⟨U+0007⟩b↵⟨U+202E⟩c [red]d[/red] :fox: ⟨U+009B⟩2J"
    assert "\x07" not in file.getvalue()
    assert "\x1b]" not in file.getvalue()


@pytest.mark.parametrize("reason", ["a pipe", "CI", "a dumb terminal"])
def test_nobody_watches(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    if reason == "CI":
        monkeypatch.setenv("CI", "true")
    if reason == "a dumb terminal":
        monkeypatch.setenv("TERM", "dumb")
    console, file = terminal(watched=reason != "a pipe")
    assert progress.quiet(console)
    with Progress("decoding m", 8, console) as bar:
        bar.advance(rows=4, label="top_p", text=lambda: "Once upon a time there was a fox")
        bar.step(1.0, 9)
    assert file.getvalue().strip() == ""


def test_somebody_watches() -> None:
    assert not progress.quiet(terminal()[0])


def test_lines_are_said_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    progress.say("[bold]50%[/bold] :fox: 1e-3")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "[bold]50%[/bold] :fox: 1e-3\n"
