"""Logits that are no numbers end the requests of their node; the others' tokens are those without them."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.engine import decode
from harness.errors import StrategyFailed
from harness.exact import decode_exactly
from harness.models.loading import hf
from harness.prompts import Prompt, identified
from harness.proposals import Draft, Lookup
from harness.requests import Request
from harness.speculative import decode_speculatively
from harness.strategies.base import VALUES, Strategy
from harness.strategies.beam import beam
from harness.strategies.contrastive_search import contrastive_search
from harness.strategies.sampling import greedy, sample
from tests.batches import MIXED, TEXTS, requests
from tests.every_engine import ENGINES, MODEL, Run, engines, found_by, others_are_as_alone, same
from tests.faulty import Accompanied, poisoned
from tests.table_model import table_model


@engines
@pytest.mark.parametrize(
    ("value", "where", "said"), [(torch.nan, 2, "NaN"), (torch.inf, 5, "infinite"), (-torch.inf, None, "all -inf")]
)
@pytest.mark.parametrize("step", [0, 1, 3])
def test_bad_logits_end_the_requests_of_their_prompt(
    engine: Run, value: float, where: int | None, said: str, step: int
) -> None:
    asked = requests(MIXED, TEXTS, seeds=(0, 1))
    prompt = tuple(MODEL.encode(TEXTS[1]))
    whole = found_by(decode, MODEL, asked)
    bad = poisoned(MODEL, lambda t: t[: len(prompt)] == prompt and len(t) == len(prompt) + step, value, where)
    failed = others_are_as_alone(found_by(engine, bad, asked))
    wanted = {r for r, g in whole.items() if r.tokens == prompt and len(g.tokens) > step}
    assert {g.request for g in failed} == wanted
    for g in failed:
        assert g.tokens == whole[g.request].tokens[:step] or g.request.strategy == MIXED[4]  # a beam changes its mind
        assert (len(g.tokens), g.values.shape, g.score) == (step, (step, len(VALUES)), None)
        name, seed = type(g.request.strategy).__name__, g.request.seed
        message = f"table: logits are {said} for strategy {name}, prompt {g.request.prompt.id} ('bc'), seed {seed}, "
        assert str(g.failure) == f"{message}sample 0, at step {step}"
        assert not isinstance(g.failure, StrategyFailed)


@engines
def test_a_bad_node_takes_down_those_that_share_it_and_no_other(engine: Run) -> None:
    samplers: list[Strategy[Any]] = [s for s in MIXED if s.width == 1]
    asked = requests(samplers, TEXTS, seeds=range(6))
    whole = found_by(decode, MODEL, asked)
    third = Counter((r.tokens, g.tokens[:3]) for r, g in whole.items() if len(g.tokens) > 3)
    (prompt, tokens), shared = third.most_common(1)[0]
    found = found_by(engine, poisoned(MODEL, lambda t: t == prompt + tokens), asked)
    failed = {g.request for g in others_are_as_alone(found)}
    alike = {r for r, g in whole.items() if r.tokens == prompt and g.tokens[:3] == tokens and len(g.tokens) > 3}
    assert failed == alike
    assert 1 < shared == len(failed) < sum(r.tokens == prompt for r in asked)


@engines
def test_single_logits_may_be_minus_infinity(engine: Run) -> None:
    asked = requests(MIXED, TEXTS, seeds=(0, 1))
    one = replace(MODEL, table=MODEL.table.index_fill(1, torch.tensor([3]), -torch.inf))
    assert not any(g.failure for g in found_by(engine, one, asked).values())


def test_no_request_is_left() -> None:
    asked = requests(MIXED, TEXTS)
    for step in (0, 2):
        bad = poisoned(table_model(6), lambda t, step=step: len(t) >= len(TEXTS[2]) + step)  # type: ignore[misc]
        for run in ENGINES.values():
            found = found_by(run, bad, asked)
            assert all((g.finish == "failed") == (len(g.request.tokens) + 8 > 6 + step) for g in found.values())


@pytest.mark.parametrize("step", [0, 2])
@pytest.mark.parametrize("layers", [False, True])
@pytest.mark.parametrize("engine", [e for name, e in ENGINES.items() if name != "draft"])
def test_bad_logits_of_a_companion(engine: Run, step: int, layers: bool) -> None:
    """They are said to be its own; and its cache and logits stay those of the rows that go on."""
    prompt = tuple(MODEL.encode(TEXTS[3]))
    model, other = table_model(6), table_model(6, seed=5)
    if layers:
        other = other.early_layers(None)
    bad = poisoned(other, lambda t: t[: len(prompt)] == prompt and len(t) == len(prompt) + step)
    asked = requests([Accompanied(bad), greedy()], TEXTS)
    found = found_by(engine, model, asked)
    assert [g.request.prompt.text for g in found.values() if g.failure] == ["dd"]
    (failed,) = (g for g in found.values() if g.failure)
    said = f"table: logits of the companion {other.name} are NaN for strategy Accompanied, "
    assert str(failed.failure).startswith(said)
    good = [r for r in asked if r is not failed.request]
    for g in decode(model, [replace(r, strategy=Accompanied(other)) if r.strategy != greedy() else r for r in good]):
        (mine,) = (f for r, f in found.items() if (r.prompt, r.strategy) == (g.request.prompt, g.request.strategy))
        same(mine, g)


@pytest.mark.parametrize("backend", ["torch", "numpy"])
@pytest.mark.parametrize("kind", ["fast", "refilled", "exact", "lookup", "draft"])
def test_a_network_with_a_bad_position_spoils_no_other_row(tiny_gpt2_dir: Path, kind: str, backend: Any) -> None:
    """NaN also gets into keys and values: nothing of them may reach rows that take their places in the cache."""
    if (kind, backend) == ("exact", "numpy"):
        pytest.skip("it pads prompts on the right, up to this position")
    dtype: Any = "float32" if backend == "torch" else "float64"  # float32: attention over whole buffers
    model: Any = hf(str(tiny_gpt2_dir), dtype=dtype, backend=backend)
    texts = [" the" * n + " crow" for n in (1, 3, 5, 8, 9, 12, 14)]
    asked = [
        Request(p, tuple(model.encode(p.text)), s, 16, seed)
        for s in (greedy(repetition_penalty=2.0), sample(), sample(temperature=2.0), beam(num_beams=3))
        for p in identified([(t, None) for t in texts])
        for seed in ((0, 1) if s.stochastic else (0,))
    ]
    runs: dict[str, Run] = {
        "fast": decode,
        "refilled": lambda model, asked: decode(model, asked, max_rows=12),
        "exact": lambda model, asked: decode_exactly(model, asked, max_rows=12),
        "lookup": lambda model, asked: decode_speculatively(model, asked, propose=lambda: Lookup(1), max_rows=12),
        "draft": lambda model, asked: decode_speculatively(
            model, asked, propose=lambda: Draft(model, model.vocab, model.eos), max_rows=12
        ),
    }
    whole = found_by(runs[kind], model, asked)
    bad: Any = hf(str(tiny_gpt2_dir), dtype=dtype, backend=backend)
    place = 20
    spoil_position(bad, place)
    found = found_by(runs[kind], bad, asked)
    assert 5 < sum(g.finish == "failed" for g in found.values()) < len(found) - 5
    for request, g in found.items():
        wanted = whole[request]
        if len(request.tokens) + len(wanted.tokens) <= place:  # its last token is read by nobody
            assert (g.tokens, g.finish) == (wanted.tokens, wanted.finish)
        elif request.strategy.width == 1:
            assert g.tokens == wanted.tokens[: max(0, place - len(request.tokens) + 1)]
            assert g.finish == "failed"


def spoil_position(model: Any, place: int) -> None:
    """Every row that reads a token at this position has NaN from there on."""
    if hasattr(model, "network"):
        with torch.no_grad():
            model.network.transformer.wpe.weight[place] = torch.nan
    else:
        wpe = model.gpt2.weights["wpe.weight"] = model.gpt2.weights["wpe.weight"].copy()
        wpe[place] = np.nan


def test_what_contrastive_search_has_is_final_tokens(tiny_gpt2_dir: Path) -> None:
    """It looks ahead a step: its newest token may change."""
    model: Any = hf(str(tiny_gpt2_dir), dtype="float64")
    (asked,) = [Request(Prompt("p", "x"), tuple(model.encode("the old fox")), contrastive_search(), 12)]
    (whole,) = decode(model, [asked])
    spoil_position(model, len(asked.tokens) + 6)
    (g,) = decode(model, [asked])
    assert g.finish == "failed"
    assert 3 < len(g.tokens) < 9
    assert g.tokens == whole.tokens[: len(g.tokens)]
    assert not math.isnan(g.values[:, 0].sum())
