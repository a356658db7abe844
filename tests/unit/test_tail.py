from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import entropy
from torch import Tensor

from harness import nodes as module
from harness.nodes import Nodes
from harness.sampler import Ranked
from harness.tail import Tail, tempered
from tests.logit_rows import adversarial

VOCAB = 1300
EACH = torch.tensor([0.3, 1.0, 7.0, 0.01], dtype=torch.float64)


def rows() -> Tensor:
    found = 3 * torch.randn(4, VOCAB, generator=torch.Generator().manual_seed(0)) - 120
    found[1, ::3] = -torch.inf
    found[2] = found[2].round()
    return found


@pytest.mark.parametrize("temperatures", [(), (0.5,), (2.0, 3.0), (math.inf,), (EACH,), (EACH, 2.0)], ids=str)
@pytest.mark.parametrize("chunk", [1, 3 * VOCAB, 10**9])
@pytest.mark.parametrize("repeats", [1, 3])  # 3: more rows than nodes
def test_what_is_asked_of_whole_rows_is_what_scipy_says(
    temperatures: tuple[float | Tensor, ...], chunk: int, repeats: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    nodes = Nodes(rows())
    node = torch.tensor([2, 0, 3, 1] * repeats)
    given = tuple(t[node] if isinstance(t, Tensor) else t for t in temperatures)
    tail = Tail(nodes, node, given)
    x = nodes.logits[node].double() - nodes.peak[node, None].double()
    possible = x > -torch.inf
    for t in given:
        x = x / (t[:, None] if isinstance(t, Tensor) else t)
        x = x.masked_fill(~possible, -torch.inf)
    found, mass, count = tail.entropy()
    np.testing.assert_allclose(mass.log(), logsumexp(x.numpy(), axis=-1), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found, entropy(x.softmax(-1).numpy(), axis=-1), rtol=1e-10, atol=1e-12)
    assert torch.equal(count, possible.sum(-1))
    assert all(torch.equal(a, b) for a, b in zip(tail.total(), (mass, count), strict=True))
    wanted = [np.std(row[kept].numpy()) for row, kept in zip(x, possible, strict=True)]
    np.testing.assert_allclose(tail.deviation(), wanted, rtol=1e-10, atol=1e-12)


def test_what_is_asked_of_a_prefix_that_is_all_there_is_is_the_same() -> None:
    """After a cut there is no tail: what was forbidden counts no more."""
    x = rows()
    cut = x.masked_fill(x < x.sort(dim=-1).values[:, -40:-39], -torch.inf)
    ranked = Ranked.of(Nodes(x), torch.arange(4), 256)
    ranked = ranked.keep(ranked.values >= ranked.values[:, 39:40], torch.ones(4, dtype=torch.bool)).temper(0.7)
    wanted = Tail(Nodes(cut), torch.arange(4), (0.7,))
    for mine, other in zip(ranked.entropy(), wanted.entropy(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ranked.deviation(), wanted.deviation(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", list(adversarial(50)))
def test_a_row_says_the_same_in_any_company(case: str) -> None:
    others = torch.cat([adversarial(VOCAB)[case][None], rows()])
    alone, together = Tail(Nodes(others[:1]), torch.zeros(1, dtype=torch.int64)), Tail(Nodes(others), torch.arange(5))
    for one, all_of_them in zip(
        (*alone.entropy(), alone.deviation()), (*together.entropy(), together.deviation()), strict=True
    ):
        assert one.isfinite()
        assert torch.equal(one, all_of_them[:1])


def test_both_limits_of_a_temperature_are_exact() -> None:
    x = torch.tensor([[0.0, 0.0, -1.0, -torch.inf]], dtype=torch.float64)
    assert tempered(x, 0.0).tolist() == [[0.0, 0.0, -math.inf, -math.inf]]
    assert tempered(x, math.inf).tolist() == [[0.0, 0.0, 0.0, -math.inf]]
    assert tempered(x.repeat(2, 1), torch.tensor([2.0, 0.5])).tolist() == [
        [0.0, 0.0, -0.5, -math.inf],
        [0.0, 0.0, -2.0, -math.inf],
    ]
