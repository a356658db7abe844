"""A strategy that raises ends its own requests; the others' tokens are those without them, in every engine."""

from __future__ import annotations

import gc
import pickle
import re
import weakref
from dataclasses import replace
from traceback import format_exception
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import harness
from harness.engine import decode
from harness.errors import DecodingFailed, InputError, StrategyFailed
from harness.exact import decode_exactly
from harness.group import Group
from harness.packing import Queue
from harness.prompts import Prompt
from harness.requests import Request, check_room
from harness.strategies.base import VALUES, Step, View
from harness.strategies.sampling import greedy, sample
from tests.batches import MIXED, TEXTS, requests
from tests.every_engine import ENGINES, MODEL, Run, engines, found_by, others_are_as_alone
from tests.faulty import Faulty, Poisoned, poisoned
from tests.table_model import TableCache, table_model

FAULTS = {
    "start": Faulty(where="start"),
    "step 0": Faulty(),
    "step 3": Faulty(3),
    "wide": Faulty(2, width=3),
    "finish": Faulty(where="finish"),
    "tokenized": Faulty(where="tokenized"),
    "companion": Faulty(where="companion"),
}


@engines
@pytest.mark.parametrize("fault", FAULTS)
def test_a_strategy_that_raises_ends_its_own_requests(engine: Run, fault: str) -> None:
    strategy = replace(FAULTS[fault], tried=[])
    asked = requests([*MIXED, strategy], TEXTS, seeds=(0, 1))
    found = found_by(engine, MODEL, asked)
    failed = others_are_as_alone(found)
    assert {g.request for g in failed} <= {r for r in asked if r.strategy == strategy}
    early = strategy.where == "step" or strategy.where == "finish"  # where those that ended before stay as they are
    assert len(failed) == 12 if not early or strategy.at == 0 else 0 < len(failed) <= 12
    kind = "KeyError: 'a rule of mine'" if strategy.where == "step" else "ZeroDivisionError: integer division"
    for g in failed:
        assert isinstance(g.failure, StrategyFailed)
        assert f"strategy Faulty, prompt {g.request.prompt.id} ('{g.request.prompt.text}'), seed" in str(g.failure)
        assert re.search(rf"{kind}.* \(tests/faulty.py:\d+\)", str(g.failure))
        assert isinstance(g.failure.__cause__, KeyError if strategy.where == "step" else ZeroDivisionError)
        if "given up" not in str(g.failure):
            method = "step" if strategy.where == "step" else "_wrong"
            assert f"in {method}\n" in "".join(format_exception(g.failure))
        assert str(pickle.loads(pickle.dumps(g.failure))) == str(g.failure)


def test_tokens_before_the_fault_are_kept() -> None:
    asked = requests([Faulty(3)], TEXTS)
    plain = {g.request.prompt.id: g for g in decode(table_model(6), requests([greedy()], TEXTS))}
    for g in decode(table_model(6), asked):
        wanted = plain[g.request.prompt.id]
        assert g.tokens == wanted.tokens[:3]
        column = VALUES.index("logprob")
        np.testing.assert_array_equal(g.values[:, column], wanted.values[:3, column])
        assert re.search(r"\('.*'\), seed 0, sample 0, at step 3$", str(g.failure))


@pytest.mark.parametrize("fault", [f for f in FAULTS if f not in ("tokenized", "companion")])
def test_a_strategy_that_failed_is_not_tried_again(fault: str) -> None:
    strategy = replace(FAULTS[fault], tried=[])
    texts = [f"{a}{b}{c}" for a in "abcd" for b in "abcd" for c in "abcd"]
    model = table_model(6)
    for run in (lambda m, a: decode(m, a, max_rows=6), lambda m, a: decode_exactly(m, a, max_rows=6)):
        strategy.tried.clear()
        found = found_by(run, model, requests([greedy(), strategy], texts))
        assert len(strategy.tried) == 1
        assert sum(g.finish == "failed" for g in found.values()) == len(texts)
        assert sum("given up for strategy Faulty" in str(g.failure) for g in found.values()) >= len(texts) - 6


def test_in_exact_neither_in_prompts_of_another_length() -> None:
    strategy = Faulty()
    found = found_by(decode_exactly, MODEL, requests([strategy, greedy()], ["a", "b" * 40, "c" * 80]))
    assert len(strategy.tried) == 1
    assert len(others_are_as_alone(found)) == 3


def test_bad_logits_do_not_end_the_strategy() -> None:
    model = Poisoned(MODEL.table, MODEL.embedding, spoil=lambda t: lambda row: row * torch.nan)
    found = found_by(lambda m, a: decode(m, a, max_rows=1), model, requests([sample()], TEXTS))
    assert not any(isinstance(g.failure, StrategyFailed) or "given up" in str(g.failure) for g in found.values())


def test_what_a_strategy_held_is_let_go() -> None:
    kept: list[weakref.ref[Any]] = []

    def wrong(view: View, step: Step) -> Any:
        large = view.logits
        kept.extend([weakref.ref(view.nodes), weakref.ref(large)])
        raise RuntimeError("no memory error")

    found = found_by(decode, table_model(6), requests([Faulty(1, wrong), greedy()], TEXTS))
    gc.collect()
    assert sum(g.finish == "failed" for g in found.values()) == 6
    assert [each() for each in kept] == [None, None]


@engines
def test_an_interrupt_and_an_error_of_the_model_pass(engine: Run) -> None:
    def interrupt(view: View, step: Step) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(engine(MODEL, requests([greedy(), Faulty(1, interrupt)], TEXTS)))

    def breaks(text: tuple[int, ...]) -> None:
        if len(text) > 6:
            raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        list(engine(Poisoned(MODEL.table, MODEL.embedding, spoil=breaks), requests(MIXED, TEXTS)))


def test_a_mistake_that_shows_before_the_first_token_ends_the_run() -> None:
    class Untold(Faulty):
        def tokenized(self, model: Any) -> NoReturn:
            raise InputError("strategy.phrase='x': is no phrase")

    with pytest.raises(InputError, match="is no phrase"):
        list(decode(MODEL, requests([Untold(), greedy()], TEXTS)))
    check_room(MODEL, requests([FAULTS["tokenized"], FAULTS["companion"]], TEXTS))  # said of its own requests, later


@settings(max_examples=15)
@given(
    st.lists(st.tuples(st.integers(0, 7), st.sampled_from([1, 3]), st.sampled_from(["step", "start"])), max_size=2),
    st.dictionaries(st.sampled_from(TEXTS[:4]), st.integers(0, 7), max_size=3),
    st.sampled_from(sorted(ENGINES)),
    st.integers(0, 60),
)  # fmt: skip
def test_any_faults_leave_the_others_alone(
    faults: list[tuple[int, int, str]], spoilt: dict[str, int], engine: str, lacking: int
) -> None:
    """The `lacking`-th call of one of three functions of the engine finds no memory, too."""
    wrong = [Faulty(at, width=width, where=where) for at, width, where in faults]
    asked = requests([*MIXED, *dict.fromkeys(wrong)], TEXTS[:4])
    ends = {(tuple(MODEL.encode(t)), step) for t, step in spoilt.items()}
    model = poisoned(MODEL, lambda t: any(t[: len(p)] == p and len(t) == len(p) + step for p, step in ends))
    left = [lacking]

    def lacks(whole: Any) -> Any:
        def call(*given: Any, **knobs: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return whole(*given, **knobs)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in ((Group, "advance"), (Group, "stop"), (Group, "retire"), (TableCache, "select")):
            patch.setattr(owner, name, lacks(getattr(owner, name)))
        found = found_by(ENGINES[engine], model, asked) if lacking == 0 or "exact" not in engine else {}
    for g in others_are_as_alone(found):
        spoils = any(g.request.tokens[: len(p)] == p for p, _ in ends)
        assert spoils or g.request.strategy in wrong
        assert isinstance(g.failure, StrategyFailed) == (g.request.strategy in wrong) or spoils


def test_out_of_memory_in_a_strategy_is_no_fault_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    """Neither where somebody made another error of it."""

    def large(view: View, step: Step) -> Any:
        if len(step.tokens) > 2:
            try:
                raise torch.OutOfMemoryError("CUDA out of memory")
            except RuntimeError as error:
                raise InputError("strategy.processor: fails") from error
        return step

    found = found_by(decode, MODEL, requests([Faulty(1, large), Faulty(4), greedy()], TEXTS))
    assert "out of memory" in caplog.text
    assert {g.request.strategy for g in others_are_as_alone(found)} <= {Faulty(4)}


def test_the_api_raises_with_the_cause() -> None:
    with pytest.raises(StrategyFailed, match=r"KeyError: 'a rule of mine' \(tests/faulty.py:\d+\)") as failed:
        harness.decode(MODEL, ["a", "bc"], {"mine": Faulty(2), "greedy": greedy()}, max_new_tokens=4)
    assert isinstance(failed.value.__cause__, KeyError)
    bad = poisoned(table_model(6), lambda t: t[0] == 1)
    with pytest.raises(DecodingFailed, match=r"table: logits are NaN for strategy Sampling, prompt .*'bc'") as spoilt:
        harness.decode(bad, ["a", "bc"], ["sample"], max_new_tokens=4)
    assert spoilt.value.__cause__ is None


def test_a_long_prompt_is_cut_in_the_message() -> None:
    text = "abc" * 20
    (g,) = decode(MODEL, [Request(Prompt("p", text), tuple(MODEL.encode(text)), Faulty(), 3, 4, 5)])
    assert f"prompt p ('{text[:40]}'…), seed 4, sample 5, at step 0" in str(g.failure)


def test_a_queue_without_a_strategy() -> None:
    asked = requests([greedy(), sample()], TEXTS, seeds=(0, 1))
    queue = Queue(asked)
    assert set(queue.drop(sample())) == {r for r in asked if r.strategy == sample()}
    assert len(queue) == len(queue.take(100, alone=True)) == len(asked) // 2
