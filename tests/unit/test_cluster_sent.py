"""Generations between processes."""

from __future__ import annotations

import traceback

import numpy as np
import pytest

from harness.cluster.sent import packed, unpacked
from harness.errors import DecodingFailed, StrategyFailed
from harness.prompts import Prompt
from harness.requests import Generation, Request
from harness.strategies.base import VALUES
from harness.strategies.sampling import greedy

REQUEST = Request(Prompt("id", "text"), (1, 2), greedy(), 4)


def test_a_generation_comes_back_as_it_was() -> None:
    values = np.arange(2 * len(VALUES), dtype=np.float32).reshape(2, -1)
    values[0, 1] = np.nan
    sent = packed(7, Generation(REQUEST, (5, 2**31 - 1), values, "eos", -1.5))
    back = unpacked(sent, REQUEST)
    assert sent.number == 7
    assert back.request is REQUEST
    assert (back.tokens, back.finish, back.score, back.failure) == ((5, 2**31 - 1), "eos", -1.5, None)
    assert {type(token) for token in back.tokens} == {int}
    np.testing.assert_array_equal(back.values, values)


@pytest.mark.parametrize("kind", [DecodingFailed, StrategyFailed])
def test_a_failure_comes_back_with_its_class_its_message_and_the_traceback_of_its_cause(
    kind: type[DecodingFailed],
) -> None:
    failure = kind("what happened")
    try:
        raise ZeroDivisionError("deep inside")
    except ZeroDivisionError as error:
        failure.__cause__ = error
    values = np.empty((0, len(VALUES)), np.float32)
    back = unpacked(packed(0, Generation(REQUEST, (), values, "failed", None, failure)), REQUEST).failure
    assert type(back) is kind
    assert str(back) == "what happened"
    assert back.__cause__ is not None
    shown = "".join(traceback.format_exception(back.__cause__))
    assert 'raise ZeroDivisionError("deep inside")' in shown
