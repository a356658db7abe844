"""Lists, levels and counts as sentences say them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from harness.report.words import Level, levels, listed, prompts
from harness.results import JobResult, Sweep


def test_levels_are_whole() -> None:
    given = [(1, "a"), (3, "b"), (2, "c"), (1, "d"), (2, "e"), (1, "f")]
    assert levels(given) == ([Level(3, ("b",)), Level(2, ("c", "e"))], 3)
    many = [(1, name) for name in "abcdefgh"]
    (level,), more = levels(many)
    assert (level.said, level.each, more) == ("8 strategies", " each", 0)
    assert levels([(2, "x"), *many]) == ([Level(2, ("x",))], 8)
    assert levels([]) == ([], 0)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (["a", "b and c"], "a, and b and c"),
    ],
)
def test_lists(parts: list[str], expected: str) -> None:
    assert listed(parts) == expected


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        (["a"], "1 prompt"),
        (["abc", "abc"], "3 prompts"),
        (["abc", "abd"], "3 prompts each"),
        (["ab", "abcd"], "2 to 4 prompts"),
    ],
)
def test_prompts_are_counted_job_by_job(sets: list[str], expected: str) -> None:
    frames = [pd.DataFrame({"prompt_id": [*ids, *ids]}) for ids in sets]  # two samples of each
    jobs = [JobResult("a", Path(), {}, {}, "", frame, [], frame) for frame in frames]
    assert prompts(Sweep(Path(), "", "", jobs, [])) == expected
