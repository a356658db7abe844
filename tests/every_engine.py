"""The engines by name, on a table model; and what holds in each of them when some requests fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from harness.engine import Generation, decode
from harness.exact import decode_exactly
from harness.proposals import Draft, Lookup
from harness.requests import Request
from harness.speculative import decode_speculatively
from tests.table_model import table_model

Run = Callable[[Any, Sequence[Request]], Iterator[Generation]]
MODEL = table_model(6, eos=[5])
ENGINES: dict[str, Run] = {
    "fast": decode,
    "fast, refilled": lambda model, asked: decode(model, asked, max_rows=8),
    "fast, unmerged": lambda model, asked: decode(model, asked, merge=False, max_rows=30),
    "exact": lambda model, asked: decode_exactly(model, asked, max_rows=16),
    "lookup": lambda model, asked: decode_speculatively(model, asked, propose=lambda: Lookup(1), max_rows=9),
    "draft": lambda model, asked: decode_speculatively(
        model, asked, propose=lambda: Draft(table_model(6, eos=[5]), 6, MODEL.eos), max_rows=20
    ),
}
engines = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)


def found_by(run: Run, model: Any, asked: Sequence[Request]) -> dict[Request, Generation]:
    """Each request once."""
    found = list(run(model, asked))
    assert Counter(g.request for g in found) == Counter(asked)
    return {g.request: g for g in found}


def same(g: Generation, wanted: Generation) -> None:
    assert (g.tokens, g.finish, g.score, g.failure) == (wanted.tokens, wanted.finish, wanted.score, None)
    np.testing.assert_array_equal(g.values, wanted.values)


def others_are_as_alone(found: dict[Request, Generation]) -> list[Generation]:
    """The requests that failed; the others are what they are when they are decoded without them."""
    good = [r for r, g in found.items() if g.finish != "failed"]
    for g in decode(MODEL, good):
        same(found[g.request], g)
    return [g for g in found.values() if g.finish == "failed"]
