"""On a table model every continuation can be enumerated: a beam wide enough for all of them finds the best one."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engine import Generation, Request, decode
from harness.prompts import Prompt
from harness.strategies.base import Strategy
from harness.strategies.beam import EarlyStopping, State, beam
from harness.strategies.beam_sample import beam_sample
from harness.strategies.sampling import greedy
from tests.table_model import TableModel, table_model

tables = st.builds(
    table_model,
    st.integers(2, 4),
    eos=st.sampled_from([(), (0,), (0, 1)]),
    seed=st.integers(0, 10**6),
    scale=st.sampled_from([0.3, 1.5, 5.0]),
)
penalties = st.one_of(st.sampled_from([0.0, 0.5, 1.0, 2.0]), st.floats(-3.0, 3.0))
stopping = st.sampled_from([True, False, "never"])


def decode_one(model: TableModel, strategy: Strategy[State] | Strategy[None], length: int) -> Generation:
    first = model.vocab - 1
    (end,) = decode(model, [Request(Prompt("p", "", None), (first,), strategy, length)])
    return end


def everything(model: TableModel, length: int) -> list[tuple[int, ...]]:
    """All continuations: they end at their first eos or at the length limit."""
    texts = set()
    for tokens in product(range(model.vocab), repeat=length):
        end = next((i + 1 for i, t in enumerate(tokens) if t in model.eos), length)
        texts.add(tokens[:end])
    return sorted(texts)


@settings(max_examples=60, deadline=None)
@given(tables, st.integers(1, 4), penalties, stopping)
def test_a_wide_beam_finds_the_best_continuation(
    model: TableModel, length: int, penalty: float, early: EarlyStopping
) -> None:
    strategy = beam(num_beams=model.vocab**length, length_penalty=penalty, early_stopping=early)
    found = decode_one(model, strategy, length)
    ranks = {t: model.logprob(model.vocab - 1, t) / len(t) ** penalty for t in everything(model, length)}
    assert found.score == pytest.approx(max(ranks.values()))
    assert ranks[found.tokens] == pytest.approx(max(ranks.values()))  # several orders of the same tokens can tie


@settings(max_examples=60, deadline=None)
@given(tables, st.integers(1, 6), st.integers(1, 5), penalties, stopping)
def test_any_beam_returns_a_continuation_with_its_own_score(
    model: TableModel, length: int, beams: int, penalty: float, early: EarlyStopping
) -> None:
    knobs = {"num_beams": beams, "length_penalty": penalty, "early_stopping": early}
    strategies = [beam(**knobs), beam_sample(**(knobs | {"num_beams": beams + 1}))]  # type: ignore[arg-type]
    for strategy in strategies:
        found = decode_one(model, strategy, length)
        assert found.tokens in everything(model, length)
        assert found.score == pytest.approx(model.logprob(model.vocab - 1, found.tokens) / len(found.tokens) ** penalty)
        assert found.values[:, 0].sum() == pytest.approx(model.logprob(model.vocab - 1, found.tokens), rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(tables, st.integers(1, 8), penalties, stopping)
def test_one_beam_is_greedy(model: TableModel, length: int, penalty: float, early: EarlyStopping) -> None:
    strategy = beam(num_beams=1, length_penalty=penalty, early_stopping=early)
    assert decode_one(model, strategy, length).tokens == decode_one(model, greedy(), length).tokens
