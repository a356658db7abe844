"""How the matrix of experiments/determinism compares two runs."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.determinism.matrix import compare, conditions, near


def run(*tokens: list[int], prompt: str = "p") -> pd.DataFrame:
    rows = [
        {
            "strategy": "greedy",
            "prompt_id": f"{prompt}{i}",
            "seed": 0,
            "sample": 0,
            "tokens": each,
            "gap": [0.5, 2e-6, 3.0],
            "logprob": np.log(each),
        }
        for i, each in enumerate(tokens)
    ]
    return pd.DataFrame(rows).set_index(["strategy", "prompt_id", "seed", "sample"]).sort_index()


def test_how_far_apart_the_first_tokens_are_that_differ() -> None:
    first = run([1, 2, 3], [4, 5, 6])
    assert compare("same", first, run([1, 2, 3], [4, 5, 6])).differing == 0
    found = compare("other", first, run([1, 4, 9], [4, 5, 6]))
    assert (found.texts, found.differing, found.tokens) == (2, 1, 6)
    assert found.apart == pytest.approx((np.log(4) - np.log(2),))


def test_a_text_that_only_ends_earlier_differs_without_a_distance() -> None:
    found = compare("shorter", run([1, 2, 3]), run([1, 2]))
    assert found.differing == 1
    assert math.isnan(found.apart[0])


def test_other_prompts_are_no_answer() -> None:
    with pytest.raises(SystemExit, match="other generations"):
        compare("others", run([1, 2, 3]), run([1, 2, 3], prompt="q"))


def test_near_ties_are_counted_over_all_tokens() -> None:
    assert near(run([1, 2, 3], [4, 5, 6]), 1e-5) == pytest.approx(1 / 3)


def test_every_condition_that_must_not_matter_is_there() -> None:
    names = " ".join(each.name for each in conditions([], Path("s")))
    for word in ("process", "threads", "rows", "merged", "order", "store", "resumed", "ray", "exact", "speculative"):
        assert word in names
