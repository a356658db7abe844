from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from harness.engine import Request, decode
from harness.errors import InputError
from harness.prompts import Prompt
from harness.strategies.base import Finished
from harness.strategies.sampling import greedy
from harness.strategies.stochastic_beam import State, StochasticBeam, conditioned, stochastic_beam
from harness.transforms import chain
from tests.table_model import TableModel, table_model

EOS, FIRST, NEW, DRAWS = 2, 0, 3, 6000
Text = tuple[int, ...]


@dataclass(frozen=True)
class Recorded(StochasticBeam):
    """Notes all texts of a request, in the order drawn."""

    seen: list[tuple[Text, ...]] = field(default_factory=list, compare=False)

    def finish(self, history: Tensor, values: Tensor, state: State, request: int) -> Finished:
        cut = [history[i, : int(n) or history.shape[1]] for i, n in enumerate(state.length[request])]
        self.seen.append(tuple(tuple(t.tolist()) for t in cut))
        return super().finish(history, values, state, request)


@pytest.fixture(scope="module")
def model() -> TableModel:
    return table_model(3, eos=[EOS], scale=0.8)


def chances(model: TableModel) -> dict[Text, float]:
    """The probability of every text of at most NEW tokens."""
    texts = set()
    for tokens in product(range(model.vocab), repeat=NEW):
        end = next((i + 1 for i, t in enumerate(tokens) if t == EOS), NEW)
        texts.add(tokens[:end])
    found = {t: float(np.exp(model.logprob(FIRST, t))) for t in texts}
    assert sum(found.values()) == pytest.approx(1)
    return found


def drawn(model: TableModel, beams: int) -> list[tuple[Text, ...]]:
    strategy = Recorded(beams, chain(), "first")
    asked = [Request(Prompt("p", "", None), (FIRST,), strategy, NEW, seed) for seed in range(DRAWS)]
    assert len(list(decode(model, asked, max_rows=4000))) == DRAWS
    return strategy.seen


def test_the_texts_are_draws_without_replacement(model: TableModel) -> None:
    p = chances(model)
    orders = {}
    for a, b in permutations(p, 2):  # the first as it is, the second among the others
        orders[a, b] = p[a] * p[b] / (1 - p[a])
    assert sum(orders.values()) == pytest.approx(1)
    seen = Counter(drawn(model, 2))
    assert set(seen) <= set(orders)
    frequent = [o for o in orders if orders[o] * DRAWS >= 5]
    found = [*(seen[o] for o in frequent), DRAWS - sum(seen[o] for o in frequent)]
    expected = [*(orders[o] * DRAWS for o in frequent), DRAWS * (1 - sum(orders[o] for o in frequent))]
    assert chisquare(found, expected).pvalue > 0.01


def test_inclusion_probabilities_of_three(model: TableModel) -> None:
    p = chances(model)
    inclusion = dict.fromkeys(p, 0.0)
    for order in permutations(p, 3):
        left, chance = 1.0, 1.0
        for t in order:
            chance *= p[t] / left
            left -= p[t]
        for t in order:
            inclusion[t] += chance
    seen = Counter(t for texts in drawn(model, 3) for t in texts)
    for t, share in inclusion.items():  # 15 texts, each within four standard errors
        assert abs(seen[t] / DRAWS - share) < 4 * np.sqrt(share * (1 - share) / DRAWS), t


def test_all_texts_are_found_once_there_are_beams_enough(model: TableModel) -> None:
    p = chances(model)
    strategy = Recorded(len(p) + 3, chain(), "likeliest")
    (g,) = decode(model, [Request(Prompt("p", "", None), (FIRST,), strategy, NEW)])
    assert set(strategy.seen[0][: len(p)]) == set(p)
    assert p[g.tokens] == max(p.values())
    assert g.score == pytest.approx(np.log(max(p.values())), abs=1e-5)


def test_conditioned_noise_has_the_maximum_asked_for() -> None:
    noise = torch.randn(5, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    noise[0, :39] = -torch.inf
    largest = torch.tensor([-3.0, 0.0, 7.0, -9.0, -torch.inf], dtype=torch.float64)
    found = conditioned(noise, largest)
    assert torch.equal(found.amax(-1), largest)
    assert torch.equal(found[:4].argmax(-1), noise[:4].argmax(-1))
    # The definition: -log(exp(-T) - exp(-Z) + exp(-G)).
    top = noise[1:4].amax(-1, keepdim=True)
    direct = -torch.log(torch.exp(-largest[1:4, None]) - torch.exp(-top) + torch.exp(-noise[1:4]))
    torch.testing.assert_close(found[1:4], direct)


def test_one_cold_beam_is_greedy(model: TableModel) -> None:
    asked: list[Any] = [
        Request(Prompt(f"p{i}", "", None), (i,), s, 5)
        for s in (greedy(), stochastic_beam(num_beams=1, temperature=1e-4))
        for i in range(3)
    ]
    found = {g.request: g.tokens for g in decode(model, asked)}
    assert [found[r] for r in asked[:3]] == [found[r] for r in asked[3:]]


@pytest.mark.parametrize("knobs", [{"num_beams": 0}, {"temperature": 0.0}, {"choice": "best"}])
def test_knobs_out_of_range(knobs: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(knobs))):
        stochastic_beam(**knobs)
