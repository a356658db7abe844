"""A score as result folders keep it: the number and what a reader needs to believe it, in memory and in JSON."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args

from harness.metrics.base import Better, Score


@dataclass(frozen=True)
class ScoreRecord:
    """A score as it is kept: without what resampling needs."""

    name: str
    value: float  # NaN: the texts have no value
    better: Better
    signature: str
    low: float | None = None  # the interval, where one was made
    high: float | None = None
    method: str | None = None  # how it was made, as `harness.stats` says it: bca, wilson, jackknife
    notes: tuple[str, ...] = ()
    reference: float | None = None  # the same score of the reference texts; None: they have none
    # How far it is from the references, where both are measured on as many texts of the same lengths (`harness.gap`),
    # the interval of that, and the p-value of there being no difference.
    gap: float | None = None
    gap_low: float | None = None
    gap_high: float | None = None
    gap_p: float | None = None
    curve: tuple[tuple[float, ...], ...] | None = None  # x and y of what the number is the area under, to draw

    @classmethod
    def of(cls, score: Score, reference: float | None = None) -> ScoreRecord:
        """The record of a score, without an interval."""
        curve = None if score.curve is None else tuple(tuple(side) for side in score.curve.round(4).tolist())
        value = float(score.value)
        return cls(
            score.name, value, score.better, score.signature, notes=score.notes, reference=reference, curve=curve
        )


def to_json(score: ScoreRecord) -> dict[str, Any]:
    """A record as strict JSON has it: NaN is null, the infinities are strings."""

    def plain(value: Any) -> Any:
        if not isinstance(value, float) or math.isfinite(value):
            return value
        return None if math.isnan(value) else str(value)

    return {key: plain(value) for key, value in asdict(score).items()}


_OPTIONAL = ("low", "high", "reference", "gap", "gap_low", "gap_high", "gap_p")
_NEEDED = ("name", "value", "better", "signature", "notes")


def from_json(score: Any) -> ScoreRecord:
    """The record that `to_json` made this of.

    Raises:
        ValueError: it is no such thing; the message names the field.
    """
    if not isinstance(score, dict):
        raise ValueError(f"a score is not {score!r}")
    if unknown := score.keys() - {field.name for field in fields(ScoreRecord)}:
        raise ValueError(f"a score has the unknown field {sorted(unknown)[0]!r}: another version of harness wrote it")
    if missing := [name for name in _NEEDED if name not in score]:
        raise ValueError(f"a score lacks the field {missing[0]!r}")
    if score["better"] not in get_args(Better):
        raise ValueError(f"better={score['better']!r}: a score's is one of {', '.join(get_args(Better))}")
    for key in ("name", "signature"):
        if not isinstance(score[key], str):
            raise ValueError(f"a score's {key} is not {score[key]!r:.60}")
    if not isinstance(score["notes"], list | tuple) or not all(isinstance(note, str) for note in score["notes"]):
        raise ValueError(f"the score {score['name']!r} has a field of another type (its notes)")
    if not isinstance(score.get("method"), str | None):
        raise ValueError(f"the score {score['name']!r} has the method {score['method']!r:.60}")
    try:
        value = math.nan if score["value"] is None else float(score["value"])
        numbers = {key: None if score.get(key) is None else float(score[key]) for key in _OPTIONAL}
        curve = tuple(tuple(map(float, side)) for side in score["curve"]) if score.get("curve") else None
        return ScoreRecord(**{**score, **numbers, "value": value, "notes": tuple(score["notes"]), "curve": curve})
    except (TypeError, OverflowError) as error:
        raise ValueError(f"the score {score['name']!r} has a field of another type ({error})") from error
