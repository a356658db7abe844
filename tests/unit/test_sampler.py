from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from harness.sampler import PREFIX, inverse_cdf, inverse_cdf_by_full_sort

EDGE = [0.0, 2.0**-53, 0.5, 1 - 2.0**-53]


def by_hand(logits: list[float], u: float) -> int:
    """The definition, in numpy and float64, written without the module under test."""
    x = np.array(logits, dtype=np.float64)
    order = sorted(range(len(x)), key=lambda i: (-x[i], i))
    weights = np.exp(x[order] - x[order[0]])
    cdf = np.cumsum(weights)
    place = int(np.sum(cdf <= u * cdf[-1]))
    return order[min(place, int(np.sum(weights > 0)) - 1)]


@pytest.mark.parametrize("vocab", [7, 4 * PREFIX + 1, 5000])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 3.0])
def test_an_even_grid_of_draws_gives_the_probabilities(vocab: int, temperature: float) -> None:
    n = 20_000
    logits = torch.randn(vocab, generator=torch.Generator().manual_seed(vocab)) * 2 / temperature
    grid = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    tokens = torch.cat([inverse_cdf(logits.expand(len(part), -1), part) for part in torch.split(grid, 1000)])
    share = torch.bincount(tokens, minlength=vocab) / n
    assert (share - logits.double().softmax(-1)).abs().max() <= 1 / n


def adversarial(vocab: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(vocab, generator=generator)
    one_hot = torch.full((vocab,), -torch.inf)
    one_hot[vocab // 3] = 0.0
    ties = torch.randint(0, 3, (vocab,), generator=generator).float()
    return {
        "normal": normal,
        "uniform": torch.zeros(vocab),
        "one hot": one_hot,
        "one tie at the edge of the prefix": torch.arange(vocab, 0, -1).div(2, rounding_mode="floor").float() / 100,
        "ties": ties,
        "mostly forbidden": normal.masked_fill(torch.arange(vocab) % 7 != 0, -torch.inf),
        "fewer possible than the prefix": normal.masked_fill(torch.arange(vocab) > 20, -torch.inf),
        "huge": normal * 1e30,
        "tiny differences": normal * 1e-30,
        "close to the largest float": normal.sign() * torch.finfo(torch.float32).max,
    }


@pytest.mark.parametrize("vocab", [50, 4 * PREFIX + 1, 3001])
@pytest.mark.parametrize("case", list(adversarial(50)))
def test_the_fast_sampler_is_the_definition(vocab: int, case: str) -> None:
    logits = adversarial(vocab)[case]
    draws = torch.tensor([*EDGE, *np.random.default_rng(0).random(30)], dtype=torch.float64)
    fast = inverse_cdf(logits.expand(len(draws), -1), draws)
    assert fast.tolist() == inverse_cdf_by_full_sort(logits.expand(len(draws), -1), draws).tolist()
    assert fast.tolist() == [by_hand(logits.tolist(), float(u)) for u in draws]


@given(
    st.lists(st.floats(-50, 50, width=32) | st.just(float("-inf")), min_size=1, max_size=30).filter(
        lambda x: max(x) > float("-inf")
    ),
    st.sampled_from(EDGE) | st.floats(0, 1, exclude_max=True),
)
def test_the_definition_is_what_it_says(logits: list[float], u: float) -> None:
    token = int(inverse_cdf(torch.tensor([logits]), torch.tensor([u], dtype=torch.float64)))
    assert token == by_hand(logits, u)
    assert logits[token] > float("-inf")


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_under_one_draw_a_lower_temperature_never_picks_a_lower_rank(seed: int, u: float) -> None:
    logits = torch.randn(300, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    rank = logits.argsort(descending=True).argsort()
    temperatures = torch.tensor([0.05, 0.2, 0.5, 1.0, 1.5, 4.0, 1e6])
    draws = torch.full((len(temperatures),), u, dtype=torch.float64)
    tokens = inverse_cdf(logits / temperatures[:, None], draws)
    assert rank[tokens].diff().min() >= 0


def test_a_row_takes_the_same_token_in_any_company() -> None:
    logits = torch.randn(40, 2000, generator=torch.Generator().manual_seed(3))
    draws = torch.from_numpy(np.random.default_rng(4).random(40))
    together = inverse_cdf(logits, draws)
    assert together.tolist() == [int(inverse_cdf(logits[i : i + 1], draws[i : i + 1])) for i in range(40)]
