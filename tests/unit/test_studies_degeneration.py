"""The table of the degeneration paper: names of rows, token probabilities, who is nearest, and what is concluded."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from harness.configs import option
from harness.studies.degenerate import COLUMNS, PUBLISHED, TEMPERED, chances, nearest, order, title
from harness.studies.degeneration import Row, findings


def test_every_row_of_the_paper_has_the_name_of_a_strategy() -> None:
    sample, beam, wide = (option("strategy", name) for name in ("sample", "beam", "stochastic_beam"))
    made = [
        option("strategy", "greedy"),
        beam | {"num_beams": 16},
        wide | {"num_beams": 16},
        sample,
        sample | {"temperature": 0.9},
        sample | {"top_k": 40},
        sample | {"top_k": 640},
        sample | {"top_k": 40, "temperature": 0.7},
        sample | {"top_p": 0.95},
    ]
    assert ["human", *map(title, made)] == list(PUBLISHED)
    assert set(TEMPERED) <= set(PUBLISHED)
    assert all(len(row) == len(COLUMNS) for row in PUBLISHED.values())


def test_other_strategies_keep_their_names() -> None:
    assert title(option("strategy", "contrastive_search")) == "contrastive_search"
    assert title(option("strategy", "beam")) == "beam 4"


def test_token_probabilities_are_summed_up_by_text() -> None:
    found = chances([np.log([0.5, 0.95]), np.log([0.005, 0.1, 0.3]), np.log([0.2]), np.empty(0)])
    assert found is not None
    assert found.mean == pytest.approx(np.mean([0.5, 0.95, 0.005, 0.1, 0.3, 0.2]))
    spreads = [np.std([0.5, 0.95], ddof=1), np.std([0.005, 0.1, 0.3], ddof=1)]
    assert found.spread == pytest.approx(np.mean(spreads))
    assert found.rare == pytest.approx(1 / 6)
    assert found.sure == pytest.approx(1 / 6)
    assert chances([np.empty(0)]) is None


def test_several_rows_may_be_equally_near() -> None:
    assert nearest({"a": 0.32, "b": 0.30, "c": 0.5}, 0.31) == ["a", "b"]
    assert nearest({"a": math.nan, "b": 2.0}, 0.31) == ["b"]
    assert nearest({}, 1.0) == []


def test_the_paper_has_the_nearest_rows_that_it_prints_in_bold() -> None:
    bold = [["top-p 0.95"], ["top-k 640", "top-p 0.95"], ["pure sampling"], ["top-k 640"]]
    for column, expected in enumerate(bold):
        values = {row: numbers[column] for row, numbers in PUBLISHED.items() if row != "human"}
        assert nearest(values, PUBLISHED["human"][column]) == expected


def test_order_is_spearmans_over_shared_rows() -> None:
    ours = {"a": 1.0, "b": 3.0, "c": 2.0, "d": 9.0, "only": 0.0, "none": math.nan}
    theirs = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 3.0, "none": 1.0}
    rho, rows = order(ours, theirs)
    assert rows == 4
    assert rho == pytest.approx(spearmanr([1, 3, 2, 9], [1, 2, 3, 3]).statistic)
    assert math.isnan(order({"a": 1.0}, theirs)[0])


def row(name: str, **cells: tuple[float, float | None, float | None]) -> Row:
    return Row(name, cells, {}, None)


def test_a_conclusion_is_shown_denied_or_neither() -> None:
    rows = {
        "human": row("human", loops=(0.1, 0.05, 0.2), perplexity=(12.0, 11.0, 13.0)),
        "greedy": row("greedy", loops=(0.5, 0.4, 0.6), perplexity=(2.0, 1.5, 2.5)),
        "beam 16": row("beam 16", loops=(0.01, 0.0, 0.04), perplexity=(11.5, 10.9, 12.5)),
        "pure sampling": row("pure sampling", perplexity=(20.0, None, None)),
    }
    held = {each["says"]: each["held"] for each in findings(rows)}
    assert held["greedy text loops more than people's"] is True
    assert held["beam search loops more than people"] is False
    assert held["greedy text is far too likely"] is True
    assert held["beam search's text is far too likely"] is None
    assert held["pure sampling is more surprising than people"] is None
    assert not any("top-k" in each for each in held)
