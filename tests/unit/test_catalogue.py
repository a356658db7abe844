"""The table of strategies is made of what the yamls and the docstrings say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness import catalogue
from harness.configs import options

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize("name", options("strategy"))
def test_every_strategy_says_its_source_and_its_oracle(name: str) -> None:
    entry = catalogue.entry(name)
    assert len(entry.line) > 20
    assert entry.source
    assert entry.oracle


def test_the_readme_is_up_to_date() -> None:
    text = README.read_text(encoding="utf-8")
    assert catalogue.written(text) == text, "run make docs"


def test_a_yaml_of_the_family_is_told_by_its_own_knob() -> None:
    entry = catalogue.entry("min_p")
    assert entry.knobs == "`min_p=0.05`"
    assert "MinPLogitsWarper" in entry.oracle
    assert catalogue.entry("dry").source.startswith("p-e-w")


def test_only_the_part_between_the_marks_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "R.md"
    file.write_text(f"before\n{catalogue.BEGIN}\nold\n{catalogue.END}\nafter\n")
    monkeypatch.setattr(sys, "argv", ["catalogue", "--write", str(file)])
    catalogue.main()
    text = file.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "| `top_p` |" in text
    with pytest.raises(LookupError, match="no marks"):
        catalogue.written("nothing")
