from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engine import Request, decode
from harness.errors import InputError
from harness.prompts import Prompt
from harness.strategies.base import Strategy
from harness.strategies.beam import beam
from harness.strategies.diverse_beam import diverse_beam
from tests.table_model import TableModel, table_model
from tests.tiny_gpt2 import TinyGPT2, tiny_gpt2

Hypothesis = tuple[float, tuple[int, ...]]


def logprobs(model: TinyGPT2, tokens: list[int]) -> list[float]:
    logits, _ = model.forward([tokens], [range(len(tokens) - 1, len(tokens))])
    return list(logits[0].log_softmax(-1).tolist())


def from_the_paper(model: TinyGPT2, first: int, beams: int, groups: int, penalty: float, new: int) -> Hypothesis:
    """Vijayakumar et al. (2018), algorithm 1, without an end of text: the best hypothesis after `new` tokens."""
    size = beams // groups
    running: list[list[Hypothesis]] = [[(0.0, ())] for _ in range(groups)]
    for _ in range(new):
        said: Counter[int] = Counter()
        for g in range(groups):
            extended = [
                (score + p - penalty * said[v], (*text, v))
                for score, text in running[g]
                for v, p in enumerate(logprobs(model, [first, *text]))
            ]
            running[g] = sorted(extended, reverse=True)[:size]
            said.update(text[-1] for _, text in running[g])
    return max(h for group in running for h in group)


def decode_one(model: TableModel | TinyGPT2, strategy: Strategy[Any], first: int, new: int) -> Hypothesis:
    (g,) = decode(model, [Request(Prompt("p", "", None), (first,), strategy, new)])
    assert g.score is not None
    return g.score, g.tokens


@settings(max_examples=25)
@given(
    st.integers(0, 5),
    st.sampled_from([(2, 2), (4, 2), (6, 2), (6, 3), (4, 4), (3, 1)]),
    st.sampled_from([0.0, 0.2, 0.5, 2.0, 50.0]),
    st.integers(1, 4),
)
def test_it_is_the_loop_of_the_paper(seed: int, shape: tuple[int, int], penalty: float, new: int) -> None:
    model = tiny_gpt2(7, seed=seed)
    knobs: Any = {"num_beams": shape[0], "num_beam_groups": shape[1], "diversity_penalty": penalty}
    score, tokens = decode_one(model, diverse_beam(**knobs, length_penalty=0.0), 3, new)
    expected, text = from_the_paper(model, 3, *shape, penalty, new)
    assert score == pytest.approx(expected, abs=1e-4)
    assert tokens == text


@pytest.mark.parametrize(("groups", "penalty", "beams"), [(1, 0.7, 4), (2, 0.0, 2), (4, 0.0, 1)])
def test_one_group_or_no_penalty_is_beam_search(groups: int, penalty: float, beams: int) -> None:
    model = table_model(6, eos=[5], scale=0.7)
    diverse = diverse_beam(num_beams=4, num_beam_groups=groups, diversity_penalty=penalty)
    for first in range(5):
        assert decode_one(model, diverse, first, 9) == decode_one(model, beam(num_beams=beams), first, 9)


def test_the_first_group_knows_no_other() -> None:
    """Where the penalty is beyond any log-probability the best text is the first group's, which has lost nothing."""
    model = table_model(12)
    strategy = diverse_beam(num_beams=3, num_beam_groups=3, diversity_penalty=1000.0, length_penalty=0.0)
    assert decode_one(model, strategy, 1, 5)[1] == decode_one(model, beam(num_beams=1), 1, 5)[1]


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"num_beams": 4, "num_beam_groups": 3}, "num_beam_groups=3: must divide strategy.num_beams=4"),
        ({"num_beams": 2, "num_beam_groups": 4}, "must divide"),
        ({"num_beam_groups": 0}, "num_beam_groups=0"),
        ({"diversity_penalty": -0.1}, "diversity_penalty=-0.1"),
    ],
)
def test_what_cannot_be(knobs: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        diverse_beam(**knobs)
