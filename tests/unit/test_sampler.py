from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from harness import sampler, transforms
from harness.nodes import PREFIX, Nodes
from harness.sampler import Monotone, Ranked, draw
from tests.logit_rows import adversarial

EDGE = [0.0, 2.0**-53, 0.5, 1 - 2.0**-53]
REAL_SECOND = sampler.SECOND
SECOND = 500
LARGE = 4 * SECOND + 100  # so that every step of the way to the whole vocabulary is taken


@pytest.fixture(autouse=True, scope="module")
def _small_second_step() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampler, "SECOND", SECOND)
        yield


def take(
    logits: Tensor, uniform: Tensor, chain: Sequence[Monotone] = (), first: int | None = None
) -> list[list[float]]:
    """One row of logits under many draws: tokens, log-probabilities, how many were possible and their mass."""
    nodes = Nodes(logits[None])
    return [x.tolist() for x in draw(nodes, torch.zeros(len(uniform), dtype=torch.int64), uniform, chain, first)]


def by_hand(logits: list[float], u: float, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0) -> int:
    """The definition, in numpy and float64, written without the module under test."""
    x = np.array(logits, dtype=np.float64)
    order = sorted(range(len(x)), key=lambda i: (-x[i], i))
    x = x[order] - x[order[0]]
    if temperature == 0:
        x = np.where(x == 0, 0.0, -np.inf)
    elif temperature == math.inf:
        x = np.where(np.isneginf(x), -np.inf, 0.0)
    else:
        with np.errstate(over="ignore"):
            x = x / temperature
    if 0 < top_k < len(x):
        x = np.where(x >= x[top_k - 1], x, -np.inf)
    weights = np.exp(x)
    if top_p < 1:
        likelier = np.concatenate([[0.0], np.cumsum(weights)[:-1]])
        weights = np.where(likelier < top_p * weights.sum(), weights, 0.0)
    cdf = np.cumsum(weights)
    place = int(np.sum(cdf <= u * cdf[-1]))
    return order[min(place, int(np.sum(weights > 0)) - 1)]


@pytest.mark.parametrize("vocab", [7, 4 * PREFIX + 1, LARGE])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 3.0])
def test_an_even_grid_of_draws_gives_the_probabilities(vocab: int, temperature: float) -> None:
    n = 20_000
    logits = torch.randn(vocab, generator=torch.Generator().manual_seed(vocab)) * 2
    grid = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    heat = [partial(Ranked.temper, temperature=temperature)]
    one = Nodes(logits[None])
    parts = [draw(one, torch.zeros(len(p), dtype=torch.int64), p, heat) for p in torch.split(grid, 2000)]
    tokens = torch.cat([part[0] for part in parts])
    expected = (logits.double() / temperature).softmax(-1)
    assert (torch.bincount(tokens, minlength=vocab) / n - expected).abs().max() <= 1 / n
    torch.testing.assert_close(torch.cat([part[1] for part in parts]), expected[tokens].log(), rtol=1e-9, atol=1e-9)


CHAINS = {
    "plain": {},
    "temperature → 0": {"temperature": 1e-300},
    "temperature 0": {"temperature": 0.0},
    "temperature 0.4": {"temperature": 0.4},
    "temperature 5": {"temperature": 5.0},
    "temperature → inf": {"temperature": 1e300},
    "temperature inf": {"temperature": math.inf},
    "top-k 1": {"top_k": 1},
    "top-k at the prefix": {"top_k": PREFIX},
    "top-k beyond the prefix": {"top_k": PREFIX + 3},
    "top-k beyond the second": {"top_k": SECOND + 3},
    "top-p 0.5": {"top_p": 0.5},
    "top-p 0.999": {"top_p": 0.999},
    "all three": {"temperature": 1.5, "top_k": 400, "top_p": 0.9},
}


def monotone(knobs: dict[str, float]) -> list[Monotone]:
    chain = transforms.chain(*(getattr(transforms, name)(value) for name, value in knobs.items()))
    assert not chain.general
    return [t.ranked for t in chain.monotone]


@pytest.mark.parametrize("vocab", [50, 4 * PREFIX + 1, LARGE])
@pytest.mark.parametrize("case", list(adversarial(50)))
@pytest.mark.parametrize("knobs", list(CHAINS.values()), ids=list(CHAINS))
def test_the_fast_sampler_is_the_definition(vocab: int, case: str, knobs: dict[str, float]) -> None:
    logits, chain = adversarial(vocab)[case], monotone(knobs)
    draws = torch.tensor([*EDGE, *np.random.default_rng(0).random(30)], dtype=torch.float64)
    fast = take(logits, draws, chain)
    assert fast == take(logits, draws, chain, first=vocab)  # all of it sorted: tokens, log-probabilities, counts, mass
    whole = logits.double().softmax(-1)[logits.sort(descending=True, stable=True).indices].cumsum(-1)
    assert fast[3] == pytest.approx([float(whole[int(n) - 1]) for n in fast[2]], rel=1e-5)
    if vocab < LARGE:
        assert fast == take(logits, draws, chain, first=3)
        assert fast[0] == [by_hand(logits.tolist(), float(u), **knobs) for u in draws]  # type: ignore[arg-type]


@pytest.mark.parametrize("knobs", [{}, {"top_p": 0.9}, {"temperature": 2.0, "top_p": 0.99}], ids=str)
def test_a_real_vocabulary_is_sampled_by_the_definition(
    knobs: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampler, "SECOND", REAL_SECOND)
    logits = 3 * torch.randn(50_257, generator=torch.Generator().manual_seed(1))
    draws = torch.tensor([*EDGE, 0.03, 0.3, 0.6, 0.9, 0.99, 0.999], dtype=torch.float64)
    found = take(logits, draws, monotone(knobs))[0]
    assert found == [by_hand(logits.tolist(), float(u), **knobs) for u in draws]  # type: ignore[arg-type]


@given(
    st.lists(st.floats(-50, 50, width=32) | st.just(float("-inf")), min_size=1, max_size=30).filter(
        lambda x: max(x) > float("-inf")
    ),
    st.sampled_from(EDGE) | st.floats(0, 1, exclude_max=True),
    st.integers(1, 30),
)
def test_any_prefix_gives_the_definition(logits: list[float], u: float, first: int) -> None:
    token = int(take(torch.tensor(logits), torch.tensor([u], dtype=torch.float64), first=first)[0][0])
    assert token == by_hand(logits, u)
    assert logits[token] > float("-inf")


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True), st.sampled_from(["temperature", "top_p", "top_k"]))
def test_under_one_draw_a_smaller_knob_never_picks_a_lower_rank(seed: int, u: float, knob: str) -> None:
    logits = torch.randn(2000, generator=torch.Generator().manual_seed(seed))
    rank = logits.argsort(descending=True).argsort()
    grids: dict[str, list[float]] = {
        "temperature": [0.0, 1e-9, 0.05, 0.2, 0.5, 1.0, 1.5, 4.0, 1e6, 1e300, math.inf],
        "top_p": [0.01, 0.2, 0.5, 0.9, 0.95, 0.999, 1.0],
        "top_k": [1, 2, 10, 255, 256, 257, 1999],
    }
    one = torch.tensor([u], dtype=torch.float64)
    ranks = [int(rank[int(take(logits, one, monotone({knob: value}))[0][0])]) for value in grids[knob]]
    assert ranks == sorted(ranks)


def test_a_row_takes_the_same_token_in_any_company() -> None:
    logits = torch.randn(40, LARGE, generator=torch.Generator().manual_seed(3))
    uniform = torch.from_numpy(np.random.default_rng(4).random(40))
    chain = monotone({"temperature": 1.2, "top_p": 0.97})
    together = [x.tolist() for x in draw(Nodes(logits), torch.arange(40), uniform, chain)]
    alone = [take(logits[i], uniform[i : i + 1], chain) for i in range(40)]
    assert together == [[a[column][0] for a in alone] for column in range(4)]
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    twice = torch.cat([order, order])  # more rows than nodes
    shared = [x.tolist() for x in draw(Nodes(logits), twice, uniform[twice], chain)]
    assert shared == [[column[i] for i in twice] for column in together]


WARPERS = {"temperature": TemperatureLogitsWarper, "top_k": TopKLogitsWarper, "top_p": TopPLogitsWarper}


def warped(logits: Tensor, knobs: dict[str, float]) -> Tensor:
    """What transformers makes of rows of logits."""
    chain = LogitsProcessorList([WARPERS[name](value) for name, value in knobs.items()])
    found: Tensor = chain(torch.zeros(len(logits), 0, dtype=torch.int64), logits.clone())
    return found


KNOBS: list[dict[str, float]] = [
    {"temperature": 0.7},
    {"top_k": 40},
    {"top_k": PREFIX + 9},
    {"top_p": 0.9},
    {"temperature": 3.0, "top_p": 0.7},
    {"temperature": 0.5, "top_k": 300, "top_p": 0.99},
]


@pytest.mark.parametrize("knobs", KNOBS, ids=str)
@pytest.mark.parametrize("changed", [False, True])
def test_the_mass_is_what_transformers_keeps_of_the_models_own_probabilities(
    knobs: dict[str, float], changed: bool
) -> None:
    """`changed`: rows have logits of their own, with ties and forbidden tokens; the mass stays that of the model's."""
    own = 4 * torch.randn(6, LARGE, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    place = torch.tensor([3, 0, 5, 5, 1])
    rows = own[place]
    if changed:
        rows = rows + torch.randn(rows.shape, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
        rows[:, ::3] = -torch.inf
    kept = warped(rows, knobs) > -torch.inf
    expected = (own.softmax(-1)[place] * kept).sum(-1)
    node = torch.arange(5) if changed else place
    found = draw(
        Nodes(rows if changed else own),
        node,
        torch.full((5,), 0.4, dtype=torch.float64),
        monotone(knobs),
        own=(Nodes(own), place) if changed else None,
    )
    assert found.possible.tolist() == kept.sum(-1).tolist()
    torch.testing.assert_close(found.mass, expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("knobs", [{}, *KNOBS, {"temperature": 0.0}, {"top_k": PREFIX}], ids=str)
def test_the_mass_does_not_depend_on_how_much_is_sorted(knobs: dict[str, float]) -> None:
    """Also where a transform has made tokens equal at the end of what is sorted that are not equal to the model."""
    own = torch.randn(30, LARGE, generator=torch.Generator().manual_seed(7))
    rows = (4 * torch.randn(30, LARGE, generator=torch.Generator().manual_seed(8))).round()
    rows[:10, 200:] = -torch.inf
    node, uniform = torch.arange(30), torch.from_numpy(np.random.default_rng(9).random(30))
    found = [
        draw(Nodes(rows), node, uniform, monotone(knobs), first, own=(Nodes(own), node)) for first in (None, LARGE, 5)
    ]
    assert all(torch.equal(a, b) for other in found[1:] for a, b in zip(found[0], other, strict=True))
