"""Next-token distributions at any temperature, against decimal arithmetic, scipy, the sampler and GPT-2's numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import entropy

from harness import transforms
from harness.nodes import Nodes
from harness.sampler import Ranked
from harness.studies.temperature.exact import Exact, exact, truncated
from tests.corpora import golden

Floats = NDArray[np.float64]

LOGITS = (3.25, 3.0, 1.5, 1.5, -0.75, -8.0)  # binary fractions: decimal arithmetic has them exactly, too


def by_decimals(logits: Sequence[float], tau: float) -> tuple[float, float, float, float]:
    """H, ln V - H, ln(1 - P(argmax)) and total variation to greedy as they are defined, with digits enough for that."""
    with localcontext() as context:
        context.prec = 60 + round(1 / tau)
        weights = [(Decimal(each) / Decimal(tau)).exp() for each in logits]
        p = [weight / sum(weights, Decimal(0)) for weight in weights]
        h = -sum((each * each.ln() for each in p), Decimal(0))
        rest = 1 - sum((each for each in p if each == max(p)), Decimal(0))
        log_rest = float(rest.ln()) if rest else -math.inf
        return float(h), float(Decimal(len(p)).ln() - h), log_rest, float(1 - max(p))


def numbers(found: Exact, i: int = 0) -> list[float]:
    return [float(each[i]) for each in (found.entropy, found.divergence, found.log_rest, found.from_greedy)]


@pytest.mark.parametrize("tau", [0.0009765625, 0.0625, 0.5, 1.0, 3.0, 11.0, 12.5, 1000.0, 1e6, 1e9])
@pytest.mark.parametrize("logits", [LOGITS, (2.0, 2.0, 1.0, 1.0, 1.0, 0.0), (-140.5, -141.25, -150.0)])
def test_no_digit_is_lost_near_the_limits(logits: tuple[float, ...], tau: float) -> None:
    assert numbers(exact(logits, [tau])) == pytest.approx(by_decimals(logits, tau), rel=1e-12, abs=1e-300)


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=40), st.floats(0.2, 50))
def test_at_middling_temperatures_it_is_what_scipy_says(logits: list[float], tau: float) -> None:
    p = softmax(np.array(logits) / tau)
    found = exact(logits, [tau])
    best = np.array(logits) == max(logits)
    assert found.entropy[0] == pytest.approx(entropy(p), abs=1e-12)
    assert found.divergence[0] == pytest.approx(entropy(p, np.full(len(p), 1 / len(p))), abs=1e-12)
    assert found.argmax[0] == pytest.approx(p[best].sum(), rel=1e-12)
    greedy = np.eye(len(p))[int(np.argmax(logits))]
    assert found.from_greedy[0] == pytest.approx(np.abs(p - greedy).sum() / 2, abs=1e-12)


def test_the_limits_themselves() -> None:
    found = exact((2.0, 2.0, 1.0, -math.inf), [0.0, math.inf])  # the last token is not possible
    assert numbers(found, 0) == pytest.approx([math.log(2), math.log(3 / 2), -math.inf, 0.5])
    assert numbers(found, 1) == pytest.approx([math.log(3), 0.0, math.log(1 / 3), 2 / 3])
    assert found.argmax.tolist() == pytest.approx([1, 2 / 3])


def test_one_possible_token_is_certain_at_any_temperature() -> None:
    found = exact((5.0, -math.inf), [0.0, 1e-3, 1.0, 1e3, math.inf])
    for values, expected in ((found.entropy, 0), (found.divergence, 0), (found.argmax, 1), (found.from_greedy, 0)):
        assert values.tolist() == [expected] * 5


@pytest.mark.parametrize("logits", [(), (-math.inf,), (math.nan, 1.0), (math.inf, 1.0)])
def test_rows_without_a_distribution_are_refused(logits: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="finite"):
        exact(logits, [1.0])


def sampled(logits: Sequence[float], tau: float, top_k: int) -> Floats:
    """The distribution that sampling draws from after its own transforms; tokens that are forbidden left out."""
    ranked = Ranked.of(Nodes(torch.tensor([logits])), torch.zeros(1, dtype=torch.int64), len(logits))
    for each in transforms.chain(transforms.temperature(tau), transforms.top_k(top_k)).monotone:
        ranked = each.ranked(ranked)
    values = ranked.values[0]
    p: Floats = (values[values > -torch.inf].exp() / ranked.total()[0]).numpy()
    return p


@pytest.mark.parametrize("top_k", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("tau", [0.0, 0.3, 1.0, 40.0])
def test_it_is_the_distribution_that_sampling_draws_from(tau: float, top_k: int) -> None:
    logits = (0.5, 2.0, -1.0, 0.5, 3.0, 0.25, -4.0)
    p, found = sampled(logits, tau, top_k), exact(truncated(logits, top_k), [tau])
    assert found.entropy[0] == pytest.approx(entropy(p), abs=1e-12)
    assert found.argmax[0] == pytest.approx(p.max(), rel=1e-12)


def test_at_infinity_itself_top_k_keeps_everything() -> None:
    """The README says so: temperature comes before top-k, and at τ = inf all logits are equal."""
    logits = (0.5, 2.0, -1.0, 3.0)
    assert [len(sampled(logits, tau, 2)) for tau in (1e6, math.inf)] == [2, 4]


@pytest.mark.parametrize("name", ["ex0", "ex1"])
def test_it_is_the_distribution_of_gpt2(name: str) -> None:
    logits = json.loads(golden(f"gpt2-logits/{name}.json").read_text())["logits"]
    derived = json.loads(golden("gpt2-logits/derived.json").read_text())[f"{name}.json"]
    found = exact(logits, [1.0])
    assert found.entropy[0] == pytest.approx(derived["entropy_nats"], rel=1e-12)
    assert math.log(found.argmax[0]) == pytest.approx(derived["top10_logprob"][0], rel=1e-12)
