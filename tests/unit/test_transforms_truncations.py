"""Truncations that keep the likeliest tokens: min-p, epsilon, eta, top-H, top-a, top-nσ, tail-free."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import (
    EpsilonLogitsWarper,
    EtaLogitsWarper,
    LogitsProcessor,
    MinPLogitsWarper,
    TopHLogitsWarper,
)

from harness import sampler, transforms
from harness.errors import InputError
from harness.nodes import PREFIX, Nodes
from harness.sampler import draw
from harness.strategies.sampling import sample
from harness.transforms import Truncation, chain
from tests.logit_rows import adversarial
from tests.views import view_of as view

VOCAB = 997
SECOND = 500
LARGE = 4 * SECOND + 100  # so that every step of the way to the whole vocabulary is taken
NONE = torch.zeros(1, 0, dtype=torch.int64)

# Every truncation with values that keep few and many, from strict to loose; none of them a share of tokens that are
# equally likely, where rounding decides.
GRID: dict[str, list[float]] = {
    "min_p": [1.0, 0.9, 0.3, 0.05, 1e-3, 1e-9],
    "epsilon_cutoff": [0.999, 0.3, 0.013, 6e-4, 1e-5, 1e-9],
    "eta_cutoff": [0.999, 0.3, 0.013, 2e-3, 1e-5, 1e-9],
    "top_h": [1e-6, 0.111, 0.443, 0.777, 0.959],
    "top_a": [1.0, 0.2, 0.013, 1e-4, 1e-9],
    "top_n_sigma": [1e-6, 0.5, 1.0, 2.1, 3.3, 1e3],
    "tfs_z": [1e-6, 0.3, 0.77, 0.951, 0.999],
}
KNOBS = [(name, value) for name, values in GRID.items() for value in values]
WARPERS: dict[str, type[LogitsProcessor]] = {
    "min_p": MinPLogitsWarper,
    "epsilon_cutoff": EpsilonLogitsWarper,
    "eta_cutoff": EtaLogitsWarper,
    "top_h": TopHLogitsWarper,
}


@pytest.fixture(autouse=True, scope="module")
def _small_second_step() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampler, "SECOND", SECOND)
        yield


def truncation(name: str, value: float) -> Truncation:
    found = getattr(transforms, name)(value)
    assert isinstance(found, Truncation)
    return found


def kept(name: str, value: float, x: Tensor) -> Tensor:
    """What one truncation makes of rows; it leaves its input alone, and what it keeps as it was."""
    before = x.clone()
    after = truncation(name, value)(x, view(x))
    assert torch.equal(x, before)
    assert torch.equal(after.where(after > -torch.inf, x), x)
    return after


def loop_top_a(logits: list[float], a: float) -> list[bool]:
    """The README of RWKV-LM: remove all entries whose probability is lower than 0.2 * pow(p_max, 2)."""
    peak = max(logits)
    weights = [math.exp(x - peak) for x in logits]
    total = sum(weights)
    return [w / total >= a * (1 / total) ** 2 for w in weights]


def loop_top_n_sigma(logits: list[float], n: float) -> list[bool]:
    """llama.cpp: tokens that are -inf count for neither mean nor deviation, which divides by the count."""
    possible = [x for x in logits if x != -math.inf]
    mean = sum(possible) / len(possible)
    threshold = max(possible) - n * math.sqrt(sum((x - mean) ** 2 for x in possible) / len(possible))
    return [x >= threshold for x in logits]


def loop_tfs_z(logits: list[float], z: float) -> list[bool]:
    """Bricken: sort; second derivative; its size, normalised; the tail begins after the first sum that exceeds z."""
    ordered = sorted((x for x in logits if x != -math.inf), reverse=True)
    weights = [math.exp(x - ordered[0]) for x in ordered]
    slopes = [a - b for a, b in zip(weights[1:], weights, strict=False)]
    curvature = [abs(a - b) for a, b in zip(slopes[1:], slopes, strict=False)]
    reached, total = 0.0, sum(curvature)
    for place, size in enumerate(curvature):
        reached += size / total if total else 0.0
        if reached > z:
            return [x >= ordered[place + 1] for x in logits]
    return [True] * len(logits)


LOOPS: dict[str, Callable[[list[float], float], list[bool]]] = {
    "top_a": loop_top_a,
    "top_n_sigma": loop_top_n_sigma,
    "tfs_z": loop_tfs_z,
}


def test_every_truncation_has_an_oracle() -> None:
    assert {*WARPERS, *LOOPS} == {*GRID}


@pytest.mark.parametrize(("name", "value"), [k for k in KNOBS if k[0] in WARPERS])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_random_rows_come_out_as_from_transformers(name: str, value: float, dtype: torch.dtype) -> None:
    for scale in (0.3, 2, 8):
        x = scale * torch.randn(8, VOCAB, generator=torch.Generator().manual_seed(1), dtype=dtype) - 100
        # Theirs adds up float32: at 0.959 of the entropy it loses a token that it keeps of the same logits in float64.
        theirs = WARPERS[name](value)(NONE, x.double() if name == "top_h" else x.clone())
        assert torch.equal(kept(name, value, x), theirs.to(dtype))


@pytest.mark.parametrize(("name", "value"), [k for k in KNOBS if k[0] in WARPERS])
@pytest.mark.parametrize("vocab", [3, 50, VOCAB])
def test_adversarial_rows_keep_the_logits_that_transformers_keeps(name: str, value: float, vocab: int) -> None:
    """As multisets: of equally likely tokens at the edge of its 100, top-H of transformers takes any."""
    for case, row in adversarial(vocab).items():
        if case == "tiny differences" and value >= 1:
            continue  # logits that differ by 1e-30 have probabilities that do not: theirs keeps all, ours the largest
        if case == "close to the largest float" and name == "top_h":
            continue  # theirs takes log p as the logit minus 3e38, which is 0 for every token: it finds no entropy
        x = row[None].double()
        mine, theirs = kept(name, value, x), WARPERS[name](value)(NONE, x.clone())
        assert torch.equal(mine.sort(dim=-1).values, theirs.sort(dim=-1).values), case
        assert name == "top_h" or torch.equal(mine, theirs), case


@pytest.mark.parametrize(("name", "value"), [k for k in KNOBS if k[0] in LOOPS])
@pytest.mark.parametrize("vocab", [1, 2, 3, 50, VOCAB])
def test_rows_keep_what_the_definition_keeps(name: str, value: float, vocab: int) -> None:
    for case, row in adversarial(vocab).items():
        x = row[None].double()
        assert (kept(name, value, x)[0] > -torch.inf).tolist() == [
            keep and logit > -math.inf
            for keep, logit in zip(LOOPS[name](x[0].tolist(), value), x[0].tolist(), strict=True)
        ], case


@given(
    st.sampled_from(KNOBS),
    st.lists(st.floats(-30, 30).map(lambda x: round(x, 3)) | st.just(-math.inf), min_size=1, max_size=40).filter(
        lambda x: max(x) > -math.inf
    ),
)
def test_any_row_keeps_what_its_oracle_keeps(knob: tuple[str, float], logits: list[float]) -> None:
    name, value = knob
    x = torch.tensor([logits], dtype=torch.float64)
    mine = kept(name, value, x)[0] > -torch.inf
    assert mine[x[0] == x.max()].all() or name == "top_h"  # which, like top-p, takes the smaller ids of equals
    assert mine[x[0].argmax()]
    if name in LOOPS:
        assert mine.tolist() == [k and v > -math.inf for k, v in zip(LOOPS[name](logits, value), logits, strict=True)]
    else:
        theirs = WARPERS[name](value)(NONE, x.clone())[0]
        assert torch.equal(x[0][mine].sort().values, theirs[theirs > -torch.inf].sort().values)


@pytest.mark.parametrize(("name", "value"), KNOBS)
def test_only_the_likeliest_are_left_at_temperature_0_and_all_are_equal_at_infinity(name: str, value: float) -> None:
    x = torch.tensor([[1.0, 3.0, 3.0, -torch.inf, 2.0]], dtype=torch.float64)
    cut = truncation(name, value)
    after = chain(transforms.temperature(0.0), cut)(x, view(x)) > -torch.inf
    assert after[0, 1]
    assert after[0].tolist() in ([False, True, True, False, False], [False, True, False, False, False])
    assert after.sum() == 2 or name == "top_h"
    even = chain(transforms.temperature(math.inf), cut)(x, view(x)) > -torch.inf
    assert not even[0, 3]
    if name != "top_h":  # no logit is further from the others than another
        assert even[0].tolist() == [True, True, True, False, True]


@pytest.mark.parametrize("vocab", [50, 4 * PREFIX + 1, LARGE])
@pytest.mark.parametrize("name", list(GRID))
@pytest.mark.parametrize("temperature", [1.0, 0.0, 0.4, 5.0, math.inf])
def test_a_sorted_prefix_gives_what_the_whole_sort_gives(vocab: int, name: str, temperature: float) -> None:
    draws = torch.tensor([0.0, 2.0**-53, 1 - 2.0**-53, *np.random.default_rng(0).random(5)], dtype=torch.float64)
    rows = adversarial(vocab)
    nodes, node = Nodes(torch.stack(list(rows.values()))), torch.arange(len(rows)).repeat_interleave(len(draws))
    for value in GRID[name]:
        cut = chain(transforms.temperature(temperature), truncation(name, value), transforms.top_p(0.99))
        ranked = [t.ranked for t in cut.monotone]
        fast, whole, slow = (
            [x.tolist() for x in draw(nodes, node, draws.repeat(len(rows)), ranked, first)]
            for first in (None, vocab, 3)
        )
        assert fast == whole
        assert slow == whole


@pytest.mark.parametrize("name", list(GRID))
@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), u=st.floats(0, 1, exclude_max=True), scale=st.sampled_from([0.5, 3.0]))
def test_under_one_draw_a_stricter_cut_never_picks_a_lower_rank(name: str, seed: int, u: float, scale: float) -> None:
    logits = scale * torch.randn(1, LARGE, generator=torch.Generator().manual_seed(seed))
    rank = logits[0].argsort(descending=True).argsort()
    one, node = torch.tensor([u], dtype=torch.float64), torch.zeros(1, dtype=torch.int64)
    cuts = [[truncation(name, value).ranked] for value in GRID[name]]
    ranks = [int(rank[draw(Nodes(logits), node, one, cut).tokens]) for cut in [*cuts, []]]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("name", list(GRID))
def test_off_is_absent(name: str) -> None:
    off = 1.0 if name == "tfs_z" else 0.0
    assert getattr(transforms, name)(off) is None
    assert sample(**{name: off}) == sample()  # type: ignore[arg-type]


def test_min_p_1_is_greedy() -> None:
    x = 3 * torch.randn(50, VOCAB, generator=torch.Generator().manual_seed(2))
    drawn = draw(Nodes(x), torch.arange(50), torch.rand(50, dtype=torch.float64), [truncation("min_p", 1.0).ranked])
    assert torch.equal(drawn.tokens, x.argmax(-1))
    assert torch.equal(drawn.possible, torch.ones(50, dtype=torch.int64))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_p", -0.1), ("min_p", 1.1), ("min_p", math.nan), ("min_p", "a"), ("min_p", True),
        ("epsilon_cutoff", 1.0), ("epsilon_cutoff", -1e-9), ("eta_cutoff", 1.0), ("eta_cutoff", -1e-9),
        ("top_h", 1.01), ("top_h", -0.1), ("top_a", 1.01), ("top_a", -0.1),
        ("top_n_sigma", -1.0), ("top_n_sigma", math.inf), ("tfs_z", 0.0), ("tfs_z", 1.01), ("tfs_z", None),
    ],
)  # fmt: skip
def test_values_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(InputError, match=rf"{name}=.*: input should"):
        sample(**{name: value})  # type: ignore[arg-type]
