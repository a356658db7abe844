"""Exact ties."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.studies.temperature.exact import exact
from harness.studies.temperature.ties import MADE, coarse, made, ties
from harness.studies.temperature_limits import COLD

INSIDE = COLD[COLD <= 1]


def test_ties_are_counted_and_held_against_the_law() -> None:
    tied, shared, plain = np.array(MADE), np.array([2.0, 1.0, 1.0, 0.0]), np.array([2.0, 1.0, 0.0])
    found = ties([tied, shared, plain, plain], INSIDE)
    assert (found.contexts, found.tied, found.uneven, found.most) == (4, 1, 2, 2)
    assert found.off is not None
    assert found.off < 1e-12
    assert found.farthest == pytest.approx(1, abs=0.01)
    none = ties([plain], INSIDE)
    assert (none.tied, none.off, none.farthest) == (0, None, None)


def test_the_multiplicity_is_needed() -> None:
    """Without m the law would miss the made example by half."""
    found = exact(MADE, [0.05])
    assert math.exp(found.log_rest[0] + 1 / 0.05) == pytest.approx(3 / 2, rel=1e-6)


def test_the_made_example_ends_at_a_fair_coin() -> None:
    rows = made([1.0, 0.05, 0.0])
    assert [row["each"] for row in rows] == pytest.approx([0.2957664, 0.5, 0.5], abs=1e-7)
    assert rows[-1]["from_greedy"] == 0.5
    assert rows[1]["rest"] == pytest.approx(rows[1]["law"], rel=1e-6)


def test_coarse_is_bfloat16() -> None:
    """The upper half of a float32's bits, rounded to nearest, ties to even."""
    values = np.random.default_rng(0).normal(-100, 20, size=1000).astype(np.float32)
    bits = values.view(np.uint32)
    rounded = ((bits + np.uint32(0x7FFF) + (bits >> 16 & 1)) >> 16 << 16).view(np.float32)
    assert coarse(values.astype(np.float64)).tolist() == rounded.astype(np.float64).tolist()
