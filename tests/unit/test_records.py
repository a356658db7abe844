"""Scores in JSON and back."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from harness.records import ScoreRecord, from_json, to_json

FULL = ScoreRecord(
    "x", 0.5, "low", "x|v:1", 0.1, math.inf, "bca", ("a", "b"), 0.4, 0.1, 0.0, 0.2, 0.03, ((0.0, 1.0), (1.0, 0.0))
)


@pytest.mark.parametrize("record", [FULL, ScoreRecord("y", -math.inf, "reference", "y|v:1")])
def test_a_record_comes_back(record: ScoreRecord) -> None:
    assert from_json(json.loads(json.dumps(to_json(record), allow_nan=False))) == record


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"novel": 1}, "unknown field 'novel': another version"),
        ({"better": "best"}, "better='best': a score's is one of high, low, reference"),
        ({"value": "x"}, "could not convert"),
        ({"low": []}, "the score 'x' has a field of another type"),
        ({"notes": None}, "the score 'x' has a field of another type"),
        ({"curve": 1}, "the score 'x' has a field of another type"),
    ],
)
def test_what_is_no_record_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        from_json(to_json(FULL) | change)


@pytest.mark.parametrize("field", ["name", "value", "better", "signature", "notes"])
def test_what_is_missing_is_named(field: str) -> None:
    with pytest.raises(ValueError, match=f"lacks the field '{field}'"):
        from_json({key: value for key, value in to_json(FULL).items() if key != field})


def test_only_objects_are_records() -> None:
    with pytest.raises(ValueError, match="a score is not 1"):
        from_json(1)
