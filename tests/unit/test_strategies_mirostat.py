"""Both versions of mirostat, against loops written from llama.cpp's documented semantics and from the paper."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.engine import Request, decode
from harness.errors import InputError
from harness.prompts import Prompt
from harness.strategies.base import Prefill
from harness.strategies.mirostat import Mirostat, mirostat
from harness.strategies.mirostat_v1 import count, exponent, mirostat_v1
from harness.strategies.sampling import greedy, sample
from tests.logit_rows import adversarial
from tests.table_model import table_model
from tests.views import view_of

BOTH: list[Callable[..., Mirostat]] = [mirostat, mirostat_v1]


def zipf(vocab: int, s: float, rows: int = 1) -> Tensor:
    """Logits of Zipf's law with exponent s."""
    return (-s * torch.arange(1, vocab + 1, dtype=torch.float64).log()).expand(rows, vocab).contiguous()


def kept_by_hand(p: NDArray[np.float64], mu: float, m: int | None) -> int:
    """How many of sorted probabilities stay: version 2 where m is None."""
    if m is None:
        return max(1, int(sum(-np.log2(p) <= mu)))
    pairs = range(min(m, len(p)) - 1)
    t = [math.log((i + 2) / (i + 1)) for i in pairs]
    b = [math.log(p[i] / p[i + 1]) for i in pairs]
    s = sum(x * y for x, y in zip(t, b, strict=True)) / sum(x * x for x in t)
    epsilon = s - 1
    k = (epsilon * 2**mu / (1 - len(p) ** -epsilon)) ** (1 / s)
    return min(max(int(k), 1), len(p))


def by_hand(
    logits: Tensor,
    uniform: NDArray[np.float64],
    tau: float,
    eta: float,
    surprise: str,
    temperature: float,
    m: int | None,
) -> list[tuple[int, int, float]]:
    """[(token, kept, mu after it)] of a text that always sees the same logits."""
    mu, trace = 2 * tau, []
    p = (logits / temperature).double().softmax(-1).numpy()
    order = np.argsort(-p, kind="stable")
    for u in uniform:
        k = kept_by_hand(p[order], mu, m)
        left = p[order[:k]] / p[order[:k]].sum()
        place = int(np.searchsorted(left.cumsum(), u * left.cumsum()[-1], side="right"))
        seen = left[place] if surprise == "kept" else p[order[place]]
        mu -= eta * (-math.log2(seen) - tau)
        trace.append((int(order[place]), k, mu))
    return trace


def trace(strategy: Mirostat, logits: Tensor, uniform: Tensor) -> list[list[tuple[int, int, float]]]:
    """What the strategy does to each row, all rows together; uniform is [rows, steps]."""
    state = strategy.start(Prefill(torch.zeros(len(logits), 1, dtype=torch.int64)))
    steps = []
    for step in range(uniform.shape[1]):
        before = state.clone()
        move, after = strategy.step(view_of(logits, uniform=uniform[:, step], step=step), state)
        assert torch.equal(state, before), "the state was modified"
        assert move.kept is not None
        state = after
        steps.append(list(zip(move.tokens.tolist(), move.kept.tolist(), state.tolist(), strict=True)))
    return [list(row) for row in zip(*steps, strict=True)]


@pytest.mark.parametrize("surprise", ["model", "kept"])
@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize(("tau", "eta", "temperature"), [(3.0, 0.1, 1.0), (4.0, 1.0, 0.8), (5.0, 0.5, 1.7)])
def test_is_the_loop(
    version: Callable[..., Mirostat], surprise: str, tau: float, eta: float, temperature: float
) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 700, generator=generator, dtype=torch.float64) * 3
    uniform = torch.rand(5, 40, generator=generator, dtype=torch.float64)
    strategy = version(tau=tau, eta=eta, temperature=temperature, surprise=surprise)
    for found, row, u in zip(trace(strategy, logits, uniform), logits, uniform, strict=True):
        m = None if version is mirostat else 100
        expected = by_hand(row, u.numpy(), tau, eta, surprise, temperature, m)
        assert [f[:2] for f in found] == [e[:2] for e in expected]
        assert [f[2] for f in found] == pytest.approx([e[2] for e in expected], abs=1e-9)
        assert len({k for _, k, _ in found}) > 3


@pytest.mark.parametrize("s", [0.6, 1.0, 1.3, 2.0])
def test_the_exponent_of_a_zipf_law_is_found(s: float) -> None:
    assert float(exponent(zipf(5000, s)[:, :100])) == pytest.approx(s)
    assert float(exponent(zipf(4, s))) == pytest.approx(s)


@pytest.mark.parametrize(("s", "mu"), [(0.7, 12.0), (1.3, 6.0), (2.0, 9.0), (1.0, 8.0)])
def test_the_count_is_the_formula_of_the_paper(s: float, mu: float) -> None:
    near = s if s != 1.0 else 1 + 1e-7  # where the formula itself is 0 / 0
    epsilon = near - 1
    k = (epsilon * 2**mu / (1 - 50257**-epsilon)) ** (1 / near)
    assert int(count(torch.tensor([s], dtype=torch.float64), torch.tensor([mu]), 50257)) == int(k)


def test_the_count_has_bounds() -> None:
    s = torch.tensor([0.0, 0.0, 1.5, 1.5, 30.0], dtype=torch.float64)
    mu = torch.tensor([5.0, 50.0, -1e4, 1e4, 20.0], dtype=torch.float64)
    assert count(s, mu, 1000).tolist() == [1, 1000, 1, 1000, 1]


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize("tau", [3.5, 5.0])
def test_the_mean_surprise_goes_to_the_target(version: Callable[..., Mirostat], tau: float) -> None:
    """On a stationary distribution. The mean error of n steps is (mu_0 - mu_n) / (n eta): mu has to stay bounded."""
    rows, steps = 20, 400
    logits = zipf(2000, 1.1, rows)
    uniform = torch.rand(rows, steps, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    surprise = -logits[0].log_softmax(-1) / math.log(2)
    free = float((surprise * logits[0].softmax(-1)).sum())
    means = [
        float(surprise[torch.tensor([t for t, _, _ in row[100:]])].mean())
        for row in trace(version(tau=tau, eta=0.1), logits, uniform)
    ]
    assert np.mean(means) == pytest.approx(tau, abs=0.05)
    assert abs(free - tau) > 1  # where plain sampling is


@pytest.mark.parametrize("version", BOTH)
def test_its_limits_are_greedy_and_sampling(version: Callable[..., Mirostat]) -> None:
    model = table_model(9, eos=[8])
    prompts = [Prompt(f"p{i}", "x") for i in range(40)]

    def texts(strategy: Any) -> list[tuple[int, ...]]:
        asked = [Request(p, (i % 8,), strategy, 8) for i, p in enumerate(prompts)]
        found = {id(g.request): g.tokens for g in decode(model, asked)}
        return [found[id(r)] for r in asked]

    assert texts(version(tau=0.0)) == texts(greedy())
    assert texts(version(tau=1000.0)) == texts(sample())
    assert texts(version(tau=1000.0, temperature=0.7)) == texts(sample(temperature=0.7))
    assert texts(version(tau=2.0)) not in (texts(greedy()), texts(sample()))


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize("vocab", [11, 1500])
def test_odd_rows(version: Callable[..., Mirostat], vocab: int) -> None:
    rows = adversarial(vocab)
    logits = torch.stack([row.nan_to_num(neginf=-torch.inf) for row in rows.values()])
    uniform = torch.rand(len(rows), 12, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    for row, steps in zip(logits, trace(version(tau=2.0, eta=1.0), logits, uniform), strict=True):
        assert all(row[token] > -torch.inf for token, _, _ in steps)
        assert all(kept >= 1 and math.isfinite(mu) for _, kept, mu in steps)


@pytest.mark.parametrize("version", BOTH)
def test_values_are_of_what_is_kept(version: Callable[..., Mirostat]) -> None:
    logits = zipf(300, 1.2, 1).float()
    strategy = version(tau=2.0)
    move, _ = strategy.step(
        view_of(logits, uniform=torch.tensor([0.9], dtype=torch.float64)), torch.tensor([4.0], dtype=torch.float64)
    )
    assert move.kept is not None
    assert move.kept_mass is not None
    assert move.logprobs is not None
    p = logits[0].double().softmax(-1)
    kept = int(move.kept)
    assert 1 < kept < 300
    assert float(move.kept_mass) == pytest.approx(float(p[:kept].sum()), rel=1e-6)
    assert float(move.logprobs.exp()) == pytest.approx(float(p[move.tokens] / p[:kept].sum()), rel=1e-6)


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"tau": -1.0}, "tau=-1.0"),
        ({"tau": math.inf}, "tau=inf"),
        ({"eta": -0.1}, "eta=-0.1"),
        ({"temperature": -1.0}, "temperature=-1.0"),
        ({"surprise": "paper"}, "surprise='paper'"),
    ],
)
@pytest.mark.parametrize("version", BOTH)
def test_knobs_out_of_range_are_refused(version: Callable[..., Mirostat], knobs: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        version(**knobs)


@pytest.mark.parametrize("m", [1, 257])
def test_the_number_of_fitted_tokens_has_bounds(m: int) -> None:
    with pytest.raises(InputError, match=f"m={m}"):
        mirostat_v1(m=m)
