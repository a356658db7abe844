"""A strategy that returns nonsense ends its own requests, in every engine; in a draft it ends nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from harness.errors import StrategyFailed
from harness.proposals import Draft
from harness.speculative import decode_speculatively
from harness.strategies.base import Finished, Step, Strategy, View
from harness.strategies.sampling import Sampling, greedy, sample
from harness.transforms import chain
from tests.batches import MIXED, TEXTS, requests
from tests.every_engine import MODEL, Run, engines, found_by, others_are_as_alone
from tests.faulty import Faulty, poisoned
from tests.table_model import TableModel, table_model


def parents(*of: int) -> Callable[[View, Step], Any]:
    """Every request's rows continue those of these numbers, from its first."""

    def wrong(view: View, step: Step) -> Step:
        width, rows = len(of), len(step.tokens)
        first = torch.arange(0, rows, width).repeat_interleave(width)
        return replace(step, parents=first + torch.tensor(of).repeat(rows // width))

    return wrong


NONSENSE: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "no step": (lambda v, s: (None, None), "step returned a NoneType first; must be a Step"),
    "nothing": (lambda v, s: None, "TypeError: cannot unpack"),
    "too large": (lambda v, s: Step(s.tokens + 6), r"Step.tokens holds \d+; the model has tokens 0 to 5"),
    "negative": (lambda v, s: Step(s.tokens - 7), r"Step.tokens holds -\d; the model has tokens 0 to 5"),
    "float": (lambda v, s: Step(s.tokens.double()), "Step.tokens is float64 of .*; must be int64 of shape"),
    "few": (lambda v, s: Step(s.tokens[:-1]), "Step.tokens is int64 of shape .*; must be int64 of shape"),
    "column": (lambda v, s: Step(s.tokens[:, None]), r"Step.tokens is int64 of shape \[\d+, 1\]; must be"),
    "list": (lambda v, s: Step(s.tokens.tolist()), "Step.tokens is a list; must be"),
    "few parents": (lambda v, s: Step(s.tokens, s.tokens[:-1]), "Step.parents is int64 of"),
    "no parents": (lambda v, s: Step(s.tokens, s.tokens > 2), "Step.parents is bool of"),
    "next request": (parents(0, 2, 1), ""),
    "other's": (parents(0, 3, 1), r"Step.parents: row 1 continues row 3; its request has the rows 0 to 2"),
    "before": (parents(-1, 0, 0), r"Step.parents: row 0 continues row -1; its request has the rows 0 to 2"),
    "done": (lambda v, s: Step(s.tokens, done=s.tokens), "Step.done is int64 of .*; must be bool of shape"),
    "logprobs": (lambda v, s: Step(s.tokens, logprobs=s.tokens[:, None]), "Step.logprobs is int64 of shape"),
    "kept": (lambda v, s: Step(s.tokens, kept=3), "Step.kept is a int; must be of shape"),  # type: ignore[arg-type]
    "state": (lambda v, s: (s, torch.zeros(99)), r"the state has a tensor of shape \[99\]; the first axis"),
    "in a state": (lambda v, s: (s, (None, torch.tensor(1))), r"the state has a tensor of shape \[\]; the first"),
}


@engines
@pytest.mark.parametrize("how", NONSENSE)
def test_nonsense_ends_its_own_requests(engine: Run, how: str) -> None:
    wrong, said = NONSENSE[how]
    strategy = Faulty(2, wrong, width=3 if how in ("next request", "other's", "before") else 1)
    found = found_by(engine, MODEL, requests([*MIXED, strategy], TEXTS))
    failed = others_are_as_alone(found) if said else []
    assert bool(failed) == bool(said)
    for g in failed:
        assert g.request.strategy == strategy
        assert isinstance(g.failure, StrategyFailed)
        assert re.search(said, str(g.failure))
        assert len(g.tokens) <= 2


@engines
@pytest.mark.parametrize(
    ("end", "said"),
    [
        (lambda h, v: None, "finish returned a NoneType; must be a Finished"),
        (lambda h, v: Finished(h[0] + 6, v[0]), "Finished.tokens holds"),
        (lambda h, v: Finished(h, v[0]), "Finished.tokens is int64 of shape"),
        (lambda h, v: Finished(h[0], v), "Finished.values is float32 of shape"),
        (
            lambda h, v: Finished(h[0], v[0], "best"),  # type: ignore[arg-type]
            "ValueError: could not convert",
        ),
    ],
)
def test_a_nonsense_end(engine: Run, end: Any, said: str) -> None:
    failed = others_are_as_alone(found_by(engine, MODEL, requests([greedy(), Faulty(0, end, "finished")], TEXTS)))
    assert len(failed) == 6
    assert all(re.search(said, str(g.failure)) for g in failed)


@pytest.mark.parametrize("fault", ["nan", "raises", "nonsense"])
def test_what_goes_wrong_in_a_draft_costs_guesses_alone(fault: str) -> None:
    class Aware(Sampling):
        """It goes wrong over the draft's logits, which are not those of the table."""

        def step(self, view: View, state: Any) -> tuple[Step, Any]:
            step, state = super().step(view, state)
            own = (view.logits[:, None] == MODEL.table).all(-1).any(-1)
            if own.all() or fault == "nan":
                return step, state
            if fault == "raises":
                raise KeyError
            return Step(step.tokens + 6), state

    other = table_model(6, eos=[5], seed=3)
    draft: TableModel = poisoned(other, lambda t: len(t) > 4) if fault == "nan" else other
    strategies: list[Strategy[Any]] = [Aware(chain()), sample(temperature=0.3)]
    asked = requests(strategies, TEXTS, seeds=(0, 1))
    found = found_by(
        lambda m, a: decode_speculatively(m, a, propose=lambda: Draft(draft, 6, m.eos), max_rows=5), MODEL, asked
    )
    assert not others_are_as_alone(found)
