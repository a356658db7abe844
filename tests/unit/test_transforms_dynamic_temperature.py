"""Dynamic temperature."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import sampler, transforms
from harness.errors import InputError
from harness.nodes import PREFIX, Nodes
from harness.sampler import draw
from harness.strategies.sampling import sample
from harness.transforms import Chain, chain
from tests.logit_rows import adversarial
from tests.views import view_of as view

SECOND = 500
LARGE = 4 * SECOND + 100  # so that every step of the way to the whole vocabulary is taken
KNOBS = [(1.0, 0.5, 1.0), (0.7, 0.7, 1.0), (0.0, 2.0, 1.0), (1.5, 0.1, 3.0), (0.3, 5.0, 0.2), (1.0, 1.0, 2000.0)]


@pytest.fixture(autouse=True, scope="module")
def _small_second_step() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampler, "SECOND", SECOND)
        yield


def dynamic(temperature: float, spread: float, exponent: float) -> Chain:
    return chain(transforms.dynamic_temperature(temperature, spread, exponent))


def llama_cpp(logits: list[float], temperature: float, spread: float, exponent: float) -> list[float]:
    """The probabilities after llama.cpp's temp_ext, whose candidates are the tokens that are still possible."""
    peak = max(logits)
    weights = [math.exp(x - peak) for x in logits]
    probabilities = [w / sum(weights) for w in weights]
    candidates = sum(x > -math.inf for x in logits)
    if candidates <= 1:
        return probabilities
    entropy = -sum(p * math.log(p) for p in probabilities if p > 0)
    lowest = max(0.0, temperature - spread)
    value = lowest + (temperature + spread - lowest) * min(1.0, entropy / math.log(candidates)) ** exponent
    weights = [math.exp((x - peak) / value) if value > 0 else float(x == peak) for x in logits]
    total = sum(weights)
    return [w / total for w in weights]


@pytest.mark.parametrize("knobs", KNOBS)
@pytest.mark.parametrize("vocab", [1, 2, 50])
def test_rows_come_out_as_from_llama_cpp(knobs: tuple[float, float, float], vocab: int) -> None:
    for case, row in adversarial(vocab).items():
        x = row[None].double()
        wanted = torch.tensor([llama_cpp(x[0].tolist(), *knobs)], dtype=torch.float64)
        torch.testing.assert_close(dynamic(*knobs)(x, view(x)).softmax(-1), wanted, rtol=1e-9, atol=1e-12, msg=case)
        draws = (torch.arange(400, dtype=torch.float64) + 0.5) / 400
        node = torch.zeros(400, dtype=torch.int64)
        drawn = draw(Nodes(x), node, draws, [t.ranked for t in dynamic(*knobs).monotone])
        torch.testing.assert_close(drawn.logprobs.exp(), wanted[0, drawn.tokens], rtol=1e-9, atol=1e-12)
        assert (torch.bincount(drawn.tokens, minlength=vocab) / 400 - wanted[0]).abs().max() <= 1 / 400, case


@given(
    st.floats(0, 3).map(lambda x: round(x, 2)),
    st.floats(0.01, 3).map(lambda x: round(x, 2)),
    st.sampled_from([0.2, 1.0, 2.0]),
    st.lists(st.floats(-30, 30).map(lambda x: round(x, 2)) | st.just(-math.inf), min_size=1, max_size=30).filter(
        lambda x: max(x) > -math.inf
    ),
)
def test_any_row_comes_out_as_from_llama_cpp(
    temperature: float, spread: float, exponent: float, logits: list[float]
) -> None:
    x = torch.tensor([logits], dtype=torch.float64)
    wanted = torch.tensor([llama_cpp(logits, temperature, spread, exponent)], dtype=torch.float64)
    torch.testing.assert_close(
        dynamic(temperature, spread, exponent)(x, view(x)).softmax(-1), wanted, rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("vocab", [50, 4 * PREFIX + 1, LARGE])
@pytest.mark.parametrize("knobs", KNOBS)
def test_a_sorted_prefix_gives_what_the_whole_sort_gives(vocab: int, knobs: tuple[float, float, float]) -> None:
    draws = torch.tensor([0.0, 2.0**-53, 1 - 2.0**-53, *np.random.default_rng(0).random(5)], dtype=torch.float64)
    rows = adversarial(vocab)
    nodes, node = Nodes(torch.stack(list(rows.values()))), torch.arange(len(rows)).repeat_interleave(len(draws))
    after = (transforms.top_p(0.9), transforms.top_n_sigma(1.0), transforms.eta_cutoff(2e-3), transforms.temperature(2))
    for more in (None, *after):
        ranked = [t.ranked for t in chain(dynamic(*knobs), more).monotone]
        fast, whole, slow = (
            [x.tolist() for x in draw(nodes, node, draws.repeat(len(rows)), ranked, first)]
            for first in (None, vocab, 3)
        )
        assert fast == whole
        assert slow == whole


def test_a_row_is_drawn_the_same_in_any_company() -> None:
    x = 3 * torch.randn(30, LARGE, generator=torch.Generator().manual_seed(4))
    uniform = torch.from_numpy(np.random.default_rng(4).random(90))
    node = torch.arange(30).repeat(3)  # more rows than nodes
    ranked = [t.ranked for t in chain(dynamic(1.0, 0.9, 1.0), transforms.top_p(0.97)).monotone]
    together = draw(Nodes(x), node, uniform, ranked)
    for i in range(90):
        one = draw(Nodes(x[node[i] : node[i] + 1]), torch.zeros(1, dtype=torch.int64), uniform[i : i + 1], ranked)
        assert [v[0] for v in one] == [v[i] for v in together]


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), u=st.floats(0, 1, exclude_max=True), scale=st.sampled_from([0.5, 3.0]))
def test_under_one_draw_a_larger_exponent_never_picks_a_lower_rank(seed: int, u: float, scale: float) -> None:
    """It makes the temperature lower. A wider range makes it lower or higher: nothing of the kind holds for that."""
    x = scale * torch.randn(1, LARGE, generator=torch.Generator().manual_seed(seed))
    rank = x[0].argsort(descending=True).argsort()
    one, node = torch.tensor([u], dtype=torch.float64), torch.zeros(1, dtype=torch.int64)
    ranked = [[t.ranked for t in dynamic(1.0, 1.0, e).monotone] for e in (1e4, 10.0, 2.0, 1.0, 0.5, 0.01)]
    ranks = [int(rank[draw(Nodes(x), node, one, r).tokens]) for r in ranked]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_whole_rows_keep_their_level(dtype: torch.dtype) -> None:
    """They are quotients, as after a plain temperature, not distances from the largest: a penalty may follow."""
    x = torch.zeros(1, 5, dtype=dtype) + 3
    torch.testing.assert_close(dynamic(1.0, 0.5, 1.0)(x, view(x)), x / 1.5)


def test_no_range_is_a_plain_temperature() -> None:
    assert transforms.dynamic_temperature(0.7) == transforms.temperature(0.7)
    assert transforms.dynamic_temperature() is None
    assert sample(dynatemp_range=0.0) == sample()


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"dynatemp_range": -0.1}, r"dynatemp_range=-0.1: input should .*allowed: 0 <= value"),
        ({"dynatemp_range": math.inf}, r"dynatemp_range=inf: input should"),
        ({"dynatemp_range": "a"}, r"dynatemp_range='a': input should"),
        (
            {"dynatemp_range": 1.0, "dynatemp_exponent": 0.0},
            r"dynatemp_exponent=0.0: input should .*allowed: 0 < value",
        ),
        ({"dynatemp_exponent": 2.0}, r"dynatemp_exponent=2.0: changes nothing while dynatemp_range is 0"),
        ({"temperature": math.inf, "dynatemp_range": 1.0}, r"dynatemp_range=1.0: temperature=inf has no range"),
    ],
)
def test_knobs_that_cannot_be_are_refused(knobs: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        sample(**knobs)  # type: ignore[arg-type]
