"""What pyproject.toml allows is what the tests have been run with: both ends of every range."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = ("mauve", "bleu", "ray", "bench", "launchers")
BASE = [Requirement(each) for each in PROJECT["dependencies"]]
MORE = [Requirement(each) for extra in EXTRAS for each in PROJECT["optional-dependencies"][extra]]
OPEN = {"psutil", "pyarrow", "pydantic-core", "regex", "rich"}
"""What has no upper end: its major counts years, or rises without a break, or another package fixes it."""


def versions(name: str) -> dict[str, Version]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(package): Version(version) for package, version in pairs}


def lower(requirement: Requirement) -> Version:
    (found,) = (each.version for each in requirement.specifier if each.operator == ">=")
    return Version(found)


@pytest.mark.parametrize("requirement", BASE + MORE, ids=str)
def test_the_lower_end_is_the_one_that_was_tested(requirement: Requirement) -> None:
    tested = versions("constraints-lowest.txt")[canonicalize_name(requirement.name)]
    assert tested == lower(requirement)


@pytest.mark.parametrize("requirement", BASE, ids=str)
def test_the_newest_that_was_tested_is_allowed_and_the_next_major_is_not(requirement: Requirement) -> None:
    newest = versions("constraints.txt")[canonicalize_name(requirement.name)]
    assert newest in requirement.specifier
    capped = any(each.operator == "<" for each in requirement.specifier)
    assert capped != (requirement.name in OPEN)
    if capped:
        assert Version(f"{newest.major + 1}.0") not in requirement.specifier


def test_what_transformers_asks_for_is_asked_for_here() -> None:
    """Its own lower ends hold wherever it is installed: a lower one here would be of no use."""
    from importlib.metadata import requires

    asked = [Requirement(each) for each in requires("transformers") or []]
    ours = {canonicalize_name(each.name): each for each in BASE}
    for each in asked:
        plain = each.marker is None or re.fullmatch(r"extra == .torch.", str(each.marker))
        if plain and (mine := ours.get(canonicalize_name(each.name))):
            assert lower(mine) in each.specifier, each
