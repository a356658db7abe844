from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from harness.engine import Request, decode, place
from harness.errors import InputError
from harness.models.loading import hf
from harness.prompts import identified
from harness.strategies.base import VALUES, Finished, Prefill, Step, Strategy, View
from harness.strategies.beam import Beam, beam
from harness.strategies.sampling import Sampling, greedy, sample
from harness.transforms import chain
from tests.batches import MIXED, TEXTS, Counting, requests, tokens
from tests.table_model import table_model


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("max_rows", [1, 3, 10, 1000])
def test_tokens_do_not_depend_on_the_batch(max_rows: int, merge: bool) -> None:
    model = table_model(6, eos=[5])
    asked = requests(MIXED, TEXTS, seeds=(0, 1))
    plain = tokens(list(decode(model, asked)), MIXED)
    assert len(plain) == len(asked)
    shuffled = [asked[i] for i in np.random.default_rng(max_rows).permutation(len(asked))]
    assert tokens(list(decode(model, shuffled, max_rows=max_rows, merge=merge)), MIXED) == plain


def test_tokens_of_a_real_model_do_not_depend_on_the_batch(tiny_dir: Path) -> None:
    model = hf(str(tiny_dir), dtype="float64")
    texts = ["the", "a cat sat on", "x", "one two three four five six seven", "dogs", "a"]
    asked = [
        Request(p, tuple(model.encode(p.text)), s, new, seed)
        for s in MIXED
        for p, new in zip(identified([(t, None) for t in texts]), (3, 9, 14, 5, 12, 7), strict=True)
        for seed in (0, 1)
    ]
    plain = tokens(list(decode(model, asked, max_rows=1000)), MIXED)
    for max_rows, merge, refill in ((1, True, True), (7, True, True), (20, False, True), (20, True, False)):
        shuffled = [asked[i] for i in np.random.default_rng(max_rows).permutation(len(asked))]
        found = decode(model, shuffled, max_rows=max_rows, merge=merge, refill=refill)
        assert tokens(list(found), MIXED) == plain


def test_greedy_follows_the_table() -> None:
    model = table_model(6)
    (g,) = decode(model, requests([greedy()], ["c"], new=5))
    expected, at = [], 2
    for _ in range(5):
        at = int(model.table[at].argmax())
        expected.append(at)
    assert list(g.tokens) == expected
    assert g.finish == "length"


def test_values_are_those_of_the_table() -> None:
    model = table_model(6)
    (g,) = decode(model, requests([sample(temperature=0.5, top_k=3)], ["c"], new=6))
    at = 2
    for token, values in zip(g.tokens, g.values, strict=True):
        row = model.table[at]
        plain = row.softmax(-1).numpy()
        kept = np.sort(row.numpy())[-3:]
        tempered = np.exp(row.numpy()[token] / 0.5) / np.exp(kept / 0.5).sum()
        expected = [
            np.log(plain[token]),
            np.log(tempered),
            -(plain * np.log(plain)).sum(),
            3,
            np.sort(plain)[-3:].sum(),
            (row.numpy() > row.numpy()[token]).sum(),
            kept[-1] - kept[-2],
        ]
        assert dict(zip(VALUES, values, strict=True)) == pytest.approx(
            dict(zip(VALUES, expected, strict=True)), rel=1e-6
        )
        at = token


def test_searches_have_no_distribution_of_their_own() -> None:
    (g,) = decode(table_model(6), requests([beam(num_beams=2)], ["c"]))
    known = ["logprob", "entropy", "rank", "gap"]
    assert [name for name, column in zip(VALUES, g.values.T, strict=True) if np.isfinite(column).all()] == known
    assert np.isnan(g.values[:, [VALUES.index(name) for name in VALUES if name not in known]]).all()


def test_greedy_keeps_its_token_and_plain_sampling_everything() -> None:
    for strategy in (greedy(), sample(), greedy(repetition_penalty=1.3), sample(repetition_penalty=1.3)):
        for g in decode(table_model(6), requests([strategy], TEXTS)):
            value = dict(zip(VALUES, g.values.T, strict=True))
            if isinstance(strategy, Sampling):
                assert (value["kept_mass"] == 1).all()
            else:
                np.testing.assert_allclose(value["kept_mass"], np.exp(value["logprob"]), rtol=1e-6)


def test_eos_ends_a_request_and_is_kept() -> None:
    model = table_model(6, eos=[1])
    for g in decode(model, requests([sample()], TEXTS, seeds=range(5), new=30)):
        assert 1 not in g.tokens[:-1]
        assert g.finish == ("eos" if g.tokens[-1] == 1 else "length")
        assert len(g.tokens) == len(g.values)


def test_the_context_is_a_limit() -> None:
    model = table_model(6, context=8)
    found = {g.request.prompt.text: g for g in decode(model, requests([greedy()], ["a", "abcdef"], new=5))}
    assert (found["a"].finish, len(found["a"].tokens)) == ("length", 5)
    assert (found["abcdef"].finish, len(found["abcdef"].tokens)) == ("context", 2)
    with pytest.raises(InputError, match="has 8 tokens; table has a context of 8"):
        list(decode(model, requests([greedy()], ["a", "abcdefab"])))


def test_equal_rows_are_decoded_once() -> None:
    model = Counting(table_model(6))
    same = [greedy(), sample(temperature=0.0), sample(top_k=1), sample(temperature=1e-6)]
    list(decode(model, requests(same, ["ab", "cd"], seeds=(0, 1, 2), new=10)))
    assert model.prefilled == 2
    assert model.extended == 2 * 9  # 24 requests, but two distinct continuations


def test_finished_requests_cost_nothing() -> None:
    model = Counting(table_model(6, eos=[2]))
    found = list(decode(model, requests([sample()], TEXTS, seeds=range(10), new=40), merge=False))
    assert model.extended == sum(len(g.tokens) - 1 for g in found)


def test_a_batch_is_refilled_while_a_long_row_runs() -> None:
    model = Counting(table_model(6))
    long, short = requests([greedy()], ["ab"], new=41), requests([sample()], TEXTS, range(20), new=4)
    found = list(decode(model, [*long, *short], max_rows=16, merge=False))
    assert len(found) == len(short) + 1
    steps = model.steps
    model = Counting(table_model(6))
    list(decode(model, [*long, *short], max_rows=16, merge=False, refill=False))
    assert steps < 45  # the 120 short requests need 30 steps of 15 rows each, and fit beside the long one
    assert model.steps > 60  # not refilled, they come after it


def test_rows_are_bounded_whatever_the_number_of_requests() -> None:
    for seeds in (20, 80):
        model = Counting(table_model(6, eos=[5]))
        assert len(list(decode(model, requests(MIXED, TEXTS, range(seeds)), max_rows=24, merge=False))) > 0
        assert 12 < model.widest <= 24


@dataclass
class Rows:
    """As much of a group as `place` reads."""

    node: Tensor
    history: Tensor


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=20), st.booleans(), st.data())
def test_rows_get_a_node_of_their_own_and_few_move(
    pairs: list[tuple[int, int]], merge: bool, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(pairs)))
    groups = [
        Rows(torch.tensor([n for n, _ in part]), torch.tensor([[t] for _, t in part]))
        for part in (pairs[:cut], pairs[cut:])
        if part
    ]
    parents, tokens, prompts = place(groups, 4, torch.arange(10) // 3, merge=merge)  # type: ignore[arg-type]
    node = torch.cat([g.node for g in groups]).tolist()
    assert [(int(parents[n]), int(tokens[n])) for n in node] == pairs
    distinct = len(set(pairs)) if merge else len(pairs)
    assert len(parents) == distinct
    assert sorted(set(node)) == list(range(distinct))
    assert torch.equal(prompts, parents // 3)
    stay = sum(parent == i for i, parent in enumerate(parents.tolist()))
    assert stay == len({n for n, _ in pairs if n < distinct})  # one child of every node whose place is still there


def test_a_row_that_moves_takes_the_place_of_one_with_its_prompt() -> None:
    # Nodes 0 to 2 have prompt 0, 3 to 5 prompt 1. Nodes 1 and 4 end; 3 and 0 part in two.
    group = Rows(torch.tensor([3, 3, 0, 0, 2, 5]), torch.tensor([[0], [1], [2], [3], [0], [0]]))
    parents, tokens, prompts = place([group], 4, torch.tensor([0, 0, 0, 1, 1, 1]), merge=True)  # type: ignore[list-item]
    assert parents.tolist() == [0, 0, 2, 3, 3, 5]
    assert tokens.tolist() == [2, 3, 0, 0, 1, 0]
    assert prompts.tolist() == [0, 0, 0, 1, 1, 1]


@dataclass(frozen=True)
class Lookahead(Strategy[Tensor]):
    """Proposes its tokens one step before they count, as contrastive search does."""

    lag: ClassVar[int] = 1
    needs_hidden: ClassVar[bool] = True

    def start(self, prefill: Prefill) -> Tensor:
        assert prefill.hidden is not None
        assert prefill.hidden.shape[:2] == prefill.history.shape
        return prefill.hidden[:, -1]

    def step(self, view: View, state: Tensor) -> tuple[Step, Tensor]:
        assert view.hidden is not None
        if view.step == 0:
            assert torch.equal(view.hidden, state)
        return Step(view.logits.argmax(-1), done=torch.zeros(len(state), dtype=torch.bool)), view.hidden

    def finish(self, history: Tensor, values: Tensor, state: Tensor, request: int) -> Finished:
        return Finished(history[0, :-1], values[0, :-1])


def test_a_strategy_may_lag_and_see_hidden_states() -> None:
    model = table_model(6)
    late = {g.request.prompt.id: g.tokens for g in decode(model, requests([Lookahead()], TEXTS))}
    assert late == {g.request.prompt.id: g.tokens for g in decode(model, requests([greedy()], TEXTS))}


def test_a_transform_that_changes_its_input_harms_nobody_else() -> None:
    def ban(logits: Tensor, view: View) -> Tensor:
        logits[:, 2] = -torch.inf
        return logits

    model = table_model(6)
    alone = {g.request.prompt.id: g for g in decode(model, requests([Sampling(chain(ban))], TEXTS))}
    both = list(decode(model, requests([Sampling(chain(ban)), sample()], TEXTS)))
    plain = {g.request.prompt.id: g.tokens for g in decode(model, requests([sample()], TEXTS))}
    for g in both:
        if g.request.strategy == sample():
            assert g.tokens == plain[g.request.prompt.id]
        else:
            assert g.tokens == alone[g.request.prompt.id].tokens
            assert 2 not in g.tokens
            assert (g.values[:, VALUES.index("kept")] == 5).all()
            before = [model.encode(g.request.prompt.text)[-1], *g.tokens[:-1]]
            own = 1 - model.table.softmax(-1)[before, 2].numpy()  # a token is forbidden, with the mass it has there
            np.testing.assert_allclose(g.values[:, VALUES.index("kept_mass")], own, rtol=1e-6)
            assert np.isfinite(g.values).all()


def test_a_transform_that_forbids_everything_is_said() -> None:
    nothing = Sampling(chain(lambda logits, view: logits - torch.inf))
    for g in decode(table_model(6), requests([nothing], TEXTS)):  # once the end of the run; now of these requests alone
        assert g.finish == "failed"
        assert "a transform has to leave at least one" in str(g.failure)


def test_a_search_may_change_how_beam_search_scores() -> None:
    class Short(Beam):
        def logprobs(self, view: View) -> Tensor:
            return super().logprobs(view).masked_fill(torch.arange(6) > 2, -torch.inf)

    plain = beam(num_beams=2)
    found = decode(table_model(6), requests([Short(2, 1.0, False, plain.transform)], TEXTS))
    assert all(max(g.tokens) <= 2 for g in found)
