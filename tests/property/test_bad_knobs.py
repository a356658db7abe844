"""Every knob of every strategy refuses what it cannot use, in one message that names it and what was given."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import pytest

from harness.configs import option, options
from harness.errors import InputError
from harness.knobs import build

node = cache(lambda name: option("strategy", name))
KNOBS = [(name, knob) for name in options("strategy") for knob in node(name) if knob != "factory"]
NONSENSE: list[Any] = ["nonsense", -1, -0.5, 1e12, math.nan, True, 2.5, [1, "x"], {"a": 1}, None]


def refusal(name: str, knob: str, value: Any) -> str | None:
    """What building the strategy with this value says; None: nothing, it is one that the knob may have."""
    try:
        build(node(name) | {knob: value}, "strategy")
    except InputError as error:
        return str(error)
    return None


@pytest.mark.parametrize(("name", "knob"), KNOBS)
def test_nonsense_is_refused_by_the_name_of_the_knob(name: str, knob: str) -> None:
    said = {str(value): refusal(name, knob, value) for value in NONSENSE}
    for value, message in said.items():
        assert message is None or (knob in message and "\n" not in message), f"{knob}={value}: {message}"
    assert sum(message is not None for message in said.values()) >= 2, f"{name}.{knob} takes anything: {said}"
    if isinstance(node(name)[knob], (int, float)) and not isinstance(node(name)[knob], bool):
        for wrong in ("nonsense", [1, "x"], {"a": 1}, True):
            message = said[str(wrong)]
            assert message is not None, f"{name}.{knob}={wrong!r} is taken"
            assert f"strategy.{knob}={wrong!r}" in message


@pytest.mark.parametrize("name", options("strategy"))
def test_a_misspelt_knob_is_refused_with_the_allowed_ones(name: str) -> None:
    with pytest.raises(InputError, match=r"unknown key strategy\.tempratur=1"):
        build(node(name) | {"tempratur": 1}, "strategy")
