"""From scores to records: intervals, references beside them, and why not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.loaders import load_metric
from harness.measure import record
from harness.metrics.base import Score, Tools, mean_of
from harness.results import ScoreRecord
from harness.stats import Difference
from tests.corpora import corpus

TEXTS = corpus([[i] for i in range(40)])


def human(value: float, signature: str) -> ScoreRecord:
    return ScoreRecord("x", value, "reference", signature)


def test_a_score_gets_its_interval_and_the_reference_beside_it() -> None:
    score = mean_of("x", np.arange(40.0), "reference", "x|unit:words|v:1")
    (one,), (basis,) = record([[score]], TEXTS, [human(3.0, "x|unit:words|v:1")])
    assert (one.value, one.reference, one.method) == (19.5, 3.0, "bca")
    assert one.low is not None
    assert one.high is not None
    assert one.low < 19.5 < one.high
    assert basis.value == 19.5


def test_what_may_not_be_compared_names_the_field() -> None:
    score = mean_of("x", np.arange(40.0), "reference", "x|unit:words|v:1")
    (one,), _ = record([[score]], TEXTS, [human(3.0, "x|unit:model-tokens|v:1")])
    assert one.reference is None
    assert one.notes == ("not compared with the references, whose unit is model-tokens and not words",)


def test_an_interval_ends_where_the_score_ends() -> None:
    left_out = 0.99 + 0.02 * np.sin(np.arange(20.0))
    plain = Score("x", 0.99, "high", "x", left_out=left_out)
    (free, cut), _ = record([[plain, replace(plain, bounds=(0.0, 1.0))]], TEXTS)
    assert free.high is not None
    assert free.high > 1.0
    assert (cut.low, cut.high) == (free.low, 1.0)


def test_of_few_prompts_no_interval_leaves_the_range_of_its_score() -> None:
    """Student's is symmetric: with one text of three that repeats itself a little it would reach beyond 0 and 1."""
    given = corpus([[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 1, 2], [1, 2, 3, 4]])
    scores = [load_metric(name)(given, Tools(None)) for name in ("repetition", "diversity")]
    records = {one.name: one for one in record(scores, given)[0]}
    assert records["rep-2"].method == records["diversity"].method == "student"
    assert (records["rep-1"].low, records["rep-2"].low, records["diversity"].high) == (0.0, 0.0, 1.0)
    lengths = corpus([[1], [1], [1] * 30])
    (length, *_), _ = record([load_metric("length")(lengths, Tools(None))], lengths)
    assert length.low == 0.0


def test_gaps_are_kept_with_their_test() -> None:
    score = mean_of("x", np.arange(40.0), "reference", "x|v:1")
    (one,), _ = record([[score]], TEXTS, gaps={"x": Difference(0.5, 0.1, 0.9, 0.01)})
    assert (one.gap, one.gap_low, one.gap_high, one.gap_p) == (0.5, 0.1, 0.9, 0.01)


def test_a_number_alone_has_no_interval() -> None:
    (one,), basis = record([[Score("x", 1.0, "high", "x|v:1")]], TEXTS)
    assert (one.low, one.high, one.method) == (None, None, None)
    assert basis == []
