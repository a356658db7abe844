"""The command line of `python -m harness.report`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.report.command import parse


def test_a_report_of_one_folder_goes_there() -> None:
    asked = parse(["results/a"])
    assert (asked.results, asked.out, asked.baseline, asked.show_incomparable) == (
        (Path("results/a"),),
        Path("results/a"),
        None,
        False,
    )


def test_a_report_of_several_goes_beside_the_runs() -> None:
    asked = parse(["a", "b", "--baseline", "top_p(top_p=0.9)"])
    assert re.fullmatch(r"results/\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_report", asked.out.as_posix())
    assert asked.baseline == "top_p(top_p=0.9)"
    assert asked.command == "python -m harness.report a b --baseline 'top_p(top_p=0.9)'"


def test_a_report_of_an_archive_goes_beside_the_runs(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    archive.touch()
    assert parse([str(archive)]).out.parent == Path("results")
    assert parse([str(archive), "--out", str(tmp_path / "b")]).out == tmp_path / "b"


def test_a_folder_that_cannot_be_written_to_asks_for_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "a"
    there.mkdir()
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != there)  # root may write anywhere
    with pytest.raises(InputError, match=rf"^--out is not given: {there} cannot be written to$"):
        parse([str(there)])
    assert parse([str(there), "--out", str(tmp_path / "b")]).out == tmp_path / "b"
    with pytest.raises(InputError, match=rf"^--out {there}/below: {there} cannot be written to$"):
        parse([str(there), "--out", str(there / "below")])


def test_options_may_stand_between_results(tmp_path: Path) -> None:
    asked = parse(["a", "--out", str(tmp_path / "new" / "folder"), "--show-incomparable", "b"])
    assert asked.results == (Path("a"), Path("b"))
    assert asked.out == tmp_path / "new" / "folder"
    assert asked.show_incomparable
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "^the following arguments are required: RESULT$"),
        (["a", "--basline", "x"], "^unknown argument --basline: did you mean '--baseline'?"),
        (["a", "--base=x"], "^unknown argument --base=x: did you mean '--baseline'?"),
        (["a", "--baseline"], "^argument --baseline: expected one argument$"),
        (["a", "--out", __file__], r"^--out .*test_report_command.py is no folder$"),
        (["a", "--out", f"{__file__}/below"], r"^--out .*below: .*test_report_command.py is no folder$"),
    ],
)
def test_mistakes_are_named(arguments: list[str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse(arguments)
