from __future__ import annotations

import sys

import pytest

from harness.calm import calm


def test_only_hydras_line_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stderr
    with calm():
        sys.stderr.write("Error executing job with overrides: ['seed=1']\n")
        print("a warning", file=sys.stderr)
        assert sys.stderr.isatty() == before.isatty()
    assert sys.stderr is before
    assert capsys.readouterr().err == "a warning\n"
