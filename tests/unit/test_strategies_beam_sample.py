from __future__ import annotations

from collections import Counter
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, chisquare, kstest
from torch import Tensor

from harness.engine import Request, decode
from harness.errors import InputError
from harness.knobs import build
from harness.nodes import Nodes
from harness.prompts import Prompt
from harness.strategies.base import VALUES, View
from harness.strategies.beam import beam
from harness.strategies.beam_sample import beam_sample, gumbel
from tests.table_model import table_model
from tests.tiny_gpt2 import tiny_gpt2


def requests(strategy: Any, prompt: tuple[int, ...], length: int, samples: int, seed: int = 0) -> list[Request]:
    return [Request(Prompt(str(prompt), "", None), prompt, strategy, length, seed, s) for s in range(samples)]


def texts(model: Any, asked: list[Request]) -> list[tuple[int, ...]]:
    by_request = {id(g.request): g.tokens for g in decode(model, asked, max_rows=20_000)}
    return [by_request[id(r)] for r in asked]


def without_replacement(p: NDArray[np.float64], k: int) -> dict[tuple[int, ...], float]:
    """The probability of every ordered draw of k out of the distribution p: the definition."""
    chances = {}
    for drawn in permutations(range(len(p)), k):
        left, chance = 1.0, 1.0
        for i in drawn:
            chance *= p[i] / left
            left -= p[i]
        chances[drawn] = chance
    return chances


def agrees(counts: Counter[Any], chances: dict[Any, float]) -> bool:
    """Whether a chi-square test finds nothing against `counts` being draws from `chances`."""
    assert set(counts) <= {outcome for outcome, chance in chances.items() if chance > 0}
    keys = [k for k in chances if chances[k] > 0]
    n = counts.total()
    return float(chisquare([counts[k] for k in keys], [n * chances[k] for k in keys]).pvalue) > 1e-3


def view(logits: Tensor, uniform: Tensor, eos: frozenset[int] = frozenset()) -> View:
    rows = len(logits)
    history = torch.zeros(rows, 1, dtype=torch.int64)
    values = torch.zeros(rows, 0, len(VALUES))
    return View(Nodes(logits), torch.arange(rows), history, uniform, values, None, 0, eos, torch.full((rows,), 9))


def test_gumbel_noise_has_the_gumbel_distribution() -> None:
    grid = (torch.arange(2000, dtype=torch.float64) + 0.5) / 2000
    assert kstest(gumbel(grid).numpy(), "gumbel_r").pvalue > 0.999
    assert gumbel(torch.zeros(1, dtype=torch.float64)).isfinite().all()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_candidates_are_drawn_without_replacement_in_order(temperature: float) -> None:
    n = 20_000
    total = torch.tensor([-0.5, -1.0, -torch.inf, -3.0, -0.7, -1.5], dtype=torch.float64)  # two beams, three tokens
    uniform = torch.rand(2 * n, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    strategy = beam_sample(num_beams=2, temperature=temperature)
    scores, drawn = strategy.candidates(total.expand(n, 6), 4, view(torch.zeros(2 * n, 3), uniform))
    assert torch.equal(scores, total[drawn])  # scores stay at temperature 1
    p = (total / temperature).softmax(0).numpy()
    for k in (1, 2, 3):
        assert agrees(Counter(map(tuple, drawn[:, :k].tolist())), without_replacement(p, k))


def test_infinite_temperature_draws_evenly_from_what_is_possible() -> None:
    n = 20_000
    total = torch.tensor([-0.5, -9.0, -torch.inf, -3.0, -torch.inf, -1.5], dtype=torch.float64)
    uniform = torch.rand(2 * n, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    strategy = beam_sample(num_beams=2, temperature=float("inf"))
    _, drawn = strategy.candidates(total.expand(n, 6), 4, view(torch.zeros(2 * n, 3), uniform))
    p = np.array([1.0, 1.0, 0.0, 1.0, 0.0, 1.0]) / 4
    assert agrees(Counter(map(tuple, drawn[:, :2].tolist())), without_replacement(p, 2))


def test_one_token_is_the_best_of_the_first_draws() -> None:
    """At the length limit the first num_beams draws finish, and the likelier is returned: enumerable."""
    model = table_model(5, eos=(0,), seed=3, scale=1.0)
    p = model.table[4].softmax(0).numpy()
    chances: Counter[tuple[int, ...]] = Counter()
    for drawn, chance in without_replacement(p, 2).items():
        chances[(max(drawn, key=lambda i: p[i]),)] += chance  # type: ignore[assignment]
    found = Counter(texts(model, requests(beam_sample(num_beams=2), (4,), 1, 5000)))
    assert agrees(found, dict(chances))


@pytest.mark.parametrize(
    "knobs",
    [
        {"num_beams": 2},
        {"num_beams": 3, "temperature": 1.7, "length_penalty": 2.0, "early_stopping": True},
        {"num_beams": 2, "temperature": 0.6, "top_k": 4, "early_stopping": "never"},
        {"num_beams": 2, "temperature": 1.5, "top_p": 0.85, "repetition_penalty": 1.4, "length_penalty": 0.0},
        {"num_beams": 2, "top_k": 1},
    ],
    ids=lambda knobs: ",".join(f"{k}={v}" for k, v in knobs.items()),
)
def test_the_distribution_of_texts_is_that_of_transformers(knobs: dict[str, Any]) -> None:
    """Two samples of 3000 texts, ours and theirs, from one distribution over texts of at most four tokens."""
    n, length, prompt = 3000, 4, (1, 5, 2)
    model = tiny_gpt2(7, eos=(0, 3), seed=3)
    ours = Counter(texts(model, requests(beam_sample(**knobs), prompt, length, n)))
    torch.manual_seed(0)
    output = model.network.generate(
        torch.tensor([prompt] * n),
        attention_mask=torch.ones(n, len(prompt), dtype=torch.int64),
        max_new_tokens=length,
        do_sample=True,
        eos_token_id=sorted(model.eos),
        pad_token_id=0,
        return_dict_in_generate=True,
        **({"top_k": 0} | knobs),
    )
    lengths = (output.beam_indices >= 0).sum(1).tolist()
    rows = output.sequences[:, len(prompt) :].tolist()
    theirs = Counter(tuple(row[:m]) for row, m in zip(rows, lengths, strict=True))
    common = [t for t in ours | theirs if ours[t] + theirs[t] >= 20]
    table = np.array([[c[t] for t in common] + [n - sum(c[t] for t in common)] for c in (ours, theirs)])
    table = table[:, table.sum(0) > 0]
    assert table.shape[1] > 2
    assert chi2_contingency(table).pvalue > 1e-3


@pytest.mark.parametrize("temperature", [0.0, 1e-9, 1e-300])
def test_no_temperature_is_beam_search(temperature: float) -> None:
    model = tiny_gpt2(eos=(0,), seed=2)
    for prompt in [(1, 2, 3), (4,), (8, 1, 8, 1, 5)]:
        knobs: dict[str, Any] = {"num_beams": 3, "length_penalty": 2.0, "repetition_penalty": 1.2}
        expected = texts(model, requests(beam(**knobs), prompt, 8, 1)) * 5
        assert texts(model, requests(beam_sample(**knobs, temperature=temperature), prompt, 8, 5)) == expected


def test_truncation_leaves_enough_tokens_to_run_on() -> None:
    """As transformers' min_tokens_to_keep: one more than there are eos, and two at least."""
    logits = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    for eos, least in {(): 2, (0,): 2, (0, 1, 2): 4}.items():
        at = view(logits, torch.zeros(50), frozenset(eos))
        for strategy in (beam_sample(top_k=1), beam_sample(top_p=1e-6), beam_sample(top_p=0.5, temperature=0.0)):
            kept = strategy.logprobs(at) > -torch.inf
            assert (kept.sum(1) == least).all()
            assert torch.equal(kept, logits >= logits.topk(least).values[:, -1:])
        assert ((beam_sample(top_k=5).logprobs(at) > -torch.inf).sum(1) == 5).all()


def test_draws_belong_to_the_request() -> None:
    model = table_model(6, eos=(0,), seed=1)
    strategy = beam_sample(num_beams=3)
    together = texts(model, requests(strategy, (2,), 8, 20))
    alone = [texts(model, [r])[0] for r in requests(strategy, (2,), 8, 20)]
    assert together == alone
    assert len(set(together)) > 3
    assert together != texts(model, requests(strategy, (2,), 8, 20, seed=1))


def test_is_a_checked_and_hashable_strategy() -> None:
    strategy = build({"factory": "harness.strategies.beam_sample.beam_sample", "top_k": 5}, "strategy")
    assert (strategy.width, strategy.stochastic) == (4, True)
    assert hash(strategy) is not None
    wrong: list[dict[str, Any]] = [{"num_beams": 1}, {"top_p": 0.0}, {"temperature": -1.0}, {"top_k": -1}]
    for knobs in wrong:
        with pytest.raises(InputError, match=next(iter(knobs))):
            beam_sample(**knobs)
