from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy
from torch import Tensor

from harness.engine import Generation, Request, decode
from harness.errors import InputError
from harness.knobs import build
from harness.nodes import Nodes
from harness.prompts import identified
from harness.strategies.base import VALUES, Prefill, View
from harness.strategies.beam import Beam, EarlyStopping, beam
from harness.strategies.sampling import greedy
from tests.table_model import table_model
from tests.tiny_gpt2 import TinyGPT2, tiny_gpt2

PROMPTS = [(1, 2, 3), (4,), (5, 6, 7, 8, 1, 2), (3, 3), (8, 1, 8, 1, 5), (2, 7)]
LENGTH = 10
EOS: dict[str, tuple[int, ...]] = {"no eos": (), "one eos": (0,), "two eos": (0, 4)}


def requests(strategy: Any, prompts: Sequence[tuple[int, ...]] = PROMPTS, length: int = LENGTH) -> list[Request]:
    named = identified((str(p), None) for p in prompts)
    return [Request(n, p, strategy, length) for n, p in zip(named, prompts, strict=True)]


def run(model: Any, asked: Sequence[Request]) -> list[Generation]:
    """The generations in the order of the requests."""
    by_request = {id(g.request): g for g in decode(model, asked)}
    return [by_request[id(r)] for r in asked]


def generate(model: TinyGPT2, prompts: Sequence[tuple[int, ...]], **knobs: Any) -> list[tuple[list[int], float]]:
    """What transformers generates, the padding taken off, and its score."""
    time = max(map(len, prompts))
    output = model.network.generate(
        torch.tensor([[0] * (time - len(p)) + list(p) for p in prompts]),
        attention_mask=torch.tensor([[0] * (time - len(p)) + [1] * len(p) for p in prompts]),
        eos_token_id=sorted(model.eos) or None,
        pad_token_id=0,
        do_sample=False,
        return_dict_in_generate=True,
        output_scores=True,
        **knobs,
    )
    lengths = (output.beam_indices >= 0).sum(1).tolist()
    rows = output.sequences[:, time:].tolist()
    return [(row[:n], s) for row, n, s in zip(rows, lengths, output.sequences_scores.tolist(), strict=True)]


@pytest.mark.parametrize("eos", EOS.values(), ids=EOS.keys())
@pytest.mark.parametrize("early_stopping", [True, False, "never"])
@pytest.mark.parametrize("seed", [2, 4])
def test_equals_transformers(eos: tuple[int, ...], early_stopping: EarlyStopping, seed: int) -> None:
    model = tiny_gpt2(eos=eos, seed=seed)
    knobs: list[dict[str, Any]] = [
        {"num_beams": w, "length_penalty": lp, "early_stopping": early_stopping}
        for w in (2, 3, 5)
        for lp in (-1.0, 0.0, 0.5, 1.0, 2.0)
    ]
    asked = [requests(beam(**k)) for k in knobs]
    got = iter(run(model, [r for group in asked for r in group]))  # every setting in one batch
    ends = set()
    for k in knobs:
        for tokens, score in generate(model, PROMPTS, max_new_tokens=LENGTH, **k):
            ours = next(got)
            assert (k, list(ours.tokens)) == (k, tokens)
            assert ours.score == pytest.approx(score, rel=1e-5)
            ends.add(ours.finish)
    assert ends == ({"eos", "length"} if eos else {"length"})


def test_the_knobs_matter_on_the_model_of_the_parity_test() -> None:
    """Otherwise the parity test could not fail."""
    model = tiny_gpt2(eos=(0, 4), seed=2)
    tried: dict[str, tuple[Any, ...]] = {
        "num_beams": (2, 3, 5),
        "length_penalty": (-1.0, 0.5, 2.0),
        "early_stopping": (True, False, "never"),
    }
    for knob, values in tried.items():
        strategies = [beam(**({"num_beams": 3, "length_penalty": 2.0} | {knob: v})) for v in values]
        texts = [[g.tokens for g in run(model, requests(s))] for s in strategies]
        assert len({str(t) for t in texts}) > 1, knob


@pytest.mark.parametrize("penalty", [0.7, 1.3])
def test_repetition_penalty_equals_transformers(penalty: float) -> None:
    model = tiny_gpt2(eos=(0,), seed=2)
    for w in (2, 4):
        knobs: dict[str, Any] = {"num_beams": w, "repetition_penalty": penalty}
        # Prompt by prompt: in a padded batch transformers penalises the padding token too.
        theirs = [generate(model, [p], max_new_tokens=LENGTH, **knobs)[0][0] for p in PROMPTS]
        assert [list(g.tokens) for g in run(model, requests(beam(**knobs)))] == theirs
        assert theirs != [list(g.tokens) for g in run(model, requests(beam(num_beams=w)))]


def test_float32_and_a_larger_vocabulary_equal_transformers() -> None:
    model = tiny_gpt2(300, eos=(0, *range(100, 140)))
    model = TinyGPT2(model.network.float(), model.eos)
    theirs = [t for t, _ in generate(model, PROMPTS, max_new_tokens=LENGTH, num_beams=4)]
    assert [list(g.tokens) for g in run(model, requests(beam()))] == theirs


@pytest.mark.parametrize("length", [1, 2])
def test_short_limits_equal_transformers(length: int) -> None:
    model = tiny_gpt2(eos=(0, 4))
    theirs = [t for t, _ in generate(model, PROMPTS, max_new_tokens=length, num_beams=3, early_stopping="never")]
    ours = run(model, requests(beam(num_beams=3, early_stopping="never"), length=length))
    assert [list(g.tokens) for g in ours] == theirs


@pytest.mark.parametrize("early_stopping", [True, False, "never"])
def test_one_beam_is_greedy(early_stopping: EarlyStopping) -> None:
    model = tiny_gpt2(eos=(0,))
    prompts = [(a, b) for a in range(9) for b in range(9)]
    one = run(model, requests(beam(num_beams=1, early_stopping=early_stopping), prompts))
    assert [g.tokens for g in one] == [g.tokens for g in run(model, requests(greedy(), prompts))]


def test_values_are_those_of_the_returned_tokens() -> None:
    model = tiny_gpt2(eos=(0,), seed=2)
    generations = run(model, requests(beam(num_beams=3, length_penalty=0.5)))
    assert {g.finish for g in generations} == {"eos", "length"}
    for g in generations:
        sequence = [*g.request.tokens, *g.tokens]
        logits = model.forward([sequence], [range(len(g.request.tokens) - 1, len(sequence) - 1)])[0]
        p = softmax(logits.numpy(), axis=-1)
        logprob = np.log(p[range(len(g.tokens)), g.tokens])
        rank = [sorted(row, reverse=True).index(row[t]) for row, t in zip(logits.tolist(), g.tokens, strict=True)]
        value = dict(zip(VALUES, g.values.T, strict=True))
        np.testing.assert_allclose(value["logprob"], logprob, rtol=1e-5)
        np.testing.assert_allclose(value["entropy"], entropy(p, axis=-1), rtol=1e-5)
        np.testing.assert_array_equal(value["rank"], rank)
        assert np.isnan(value["strategy_logprob"]).all()
        assert np.isnan(value["kept"]).all()
        assert np.isnan(value["kept_mass"]).all()
        np.testing.assert_allclose(value["gap"], np.sort(logits.numpy())[:, -1] - np.sort(logits.numpy())[:, -2])
        assert g.score == pytest.approx(logprob.sum() / len(g.tokens) ** 0.5)


def drive(strategy: Beam, table: Tensor, eos: frozenset[int], steps: int, limit: int) -> list[tuple[list[int], bool]]:
    """What `finish` would return after each step, and whether the request is done: three equal requests, no engine."""
    n, w = 3, strategy.num_beams
    history = torch.ones(n * w, 1, dtype=torch.int64)
    values = torch.zeros(n * w, 0, len(VALUES))
    state = strategy.start(Prefill(history[::w]))
    seen = []
    for step in range(steps):
        nodes, rows = Nodes(table[history[:, -1]]), torch.arange(n * w)
        view = View(nodes, rows, history, torch.rand(n * w), values, None, step, eos, torch.full((n,), limit))
        given = [view.logits, view.history, view.values, state.scores, state.finished.scores, state.finished.tokens]
        before = [t.clone() for t in given]
        move, new = strategy.step(view, state)
        assert all(torch.equal(a, b) for a, b in zip(before, given, strict=True))  # inputs are left alone
        assert move.parents is not None
        assert move.done is not None
        assert torch.equal(move.parents // w, torch.arange(n).repeat_interleave(w))  # parents stay in their request
        state = new
        history = torch.cat([history[move.parents], move.tokens[:, None]], 1)
        values = torch.cat([values[move.parents], torch.zeros(n * w, 1, len(VALUES))], 1)
        ends = [
            strategy.finish(history[i * w : (i + 1) * w, 1:], values[i * w : (i + 1) * w], state, i) for i in range(n)
        ]
        assert ends[0].tokens.tolist() == ends[1].tokens.tolist() == ends[2].tokens.tolist()
        seen.append((ends[0].tokens.tolist(), bool(move.done[0])))
    return seen


@pytest.mark.parametrize(("early_stopping", "text"), [(True, (0,)), (False, (2, 3, 0)), ("never", (2, 3, 0))])
def test_a_negative_penalty_bounds_what_is_possible_by_the_present_length(early_stopping: Any, text: Any) -> None:
    """With the two finished at (0) and (2, 0), one that runs could still win by ending soon, but not at 40 tokens."""
    model = table_model(4, eos=(0,))
    rare = 1e-9
    model.table = torch.tensor([[1, 1, 1, 1], [0.1, rare, 0.9, rare], [0.1, rare, rare, 0.9], [0.99, rare, rare, 0.01]])
    model.table = model.table.double().log()
    (end,) = run(model, requests(beam(num_beams=2, length_penalty=-1, early_stopping=early_stopping), [(1,)], 40))
    assert end.tokens == text


@pytest.mark.parametrize("early_stopping", [True, False, "never"])
@pytest.mark.parametrize("seed", [0, 1, 18, 19, 30, 38])  # 18 has ties; in 19, 30 and 38 hope returns after the end
def test_what_is_done_stays_as_it_is(seed: int, early_stopping: EarlyStopping) -> None:
    model = table_model(6, eos=(0,), seed=seed)
    strategy = beam(num_beams=3, early_stopping=early_stopping, length_penalty=2.0)
    seen = drive(strategy, model.table, model.eos, steps=20, limit=12)
    first = [done for _, done in seen].index(True)
    assert all(end == (seen[first][0], True) for end in seen[first:])


def test_more_beams_than_tokens_leave_no_placeholders() -> None:
    """The rows that start as copies must not count: the best two-token text is found, once."""
    model = table_model(3, eos=(0,))
    for strategy in (beam(num_beams=9, early_stopping=e) for e in (True, False, "never")):
        (end,) = run(model, requests(strategy, [(1,)], length=2))
        assert end.score is not None
        assert np.isfinite(end.score)
        texts = [(0,), *((a, b) for a in (1, 2) for b in range(3))]
        assert end.tokens == max(texts, key=lambda t: model.logprob(1, t) / len(t))


def test_impossible_tokens_are_never_chosen() -> None:
    model = table_model(5, eos=(0,))
    model.table[:, 2:] = -torch.inf  # token 1 and eos alone are possible
    for g in run(model, requests(beam(num_beams=4), [(1,), (0, 1)])):
        assert set(g.tokens) <= {0, 1}
        assert g.score is not None
        assert np.isfinite(g.score)


def test_is_a_checked_and_hashable_strategy() -> None:
    strategy = build({"factory": "harness.strategies.beam.beam", "num_beams": 3, "early_stopping": "never"}, "strategy")
    assert strategy.width == 3
    assert not strategy.stochastic
    assert hash(strategy) is not None
    with pytest.raises(dataclasses.FrozenInstanceError):
        strategy.num_beams = 4
    wrong: list[dict[str, Any]] = [
        {"num_beams": 0},
        {"num_beams": 2.5},
        {"early_stopping": "always"},
        {"length_penalty": float("nan")},
    ]
    for knobs in wrong:
        with pytest.raises(InputError, match=next(iter(knobs))):
            beam(**knobs)
