"""DoLa, against a loop from the paper over all hidden states of transformers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy.spatial.distance import jensenshannon
from torch import Tensor

import harness.models
from harness.engine import Request, decode
from harness.errors import InputError
from harness.loaders import load_model
from harness.models.loading import hf
from harness.models.pocket import pocket
from harness.prompts import Prompt
from harness.strategies.dola import dola, premature
from harness.strategies.sampling import greedy
from tests.logit_rows import adversarial
from tests.scored_loop import Score, agree
from tests.unit.test_models_early_layers import expected

POCKET_L = Path(harness.models.__file__).with_name("pocket-l")


def paper(path: Path, layers: tuple[int, ...], relative_top: float) -> Score:
    def score(prompt: list[int], text: list[int]) -> Tensor:
        by_layer = expected(path, prompt + text).softmax(-1)
        last, early = by_layer[-1], by_layer[list(layers)]
        distances = [jensenshannon(last.numpy(), each.numpy()) for each in early]
        chosen = early[max(range(len(layers)), key=distances.__getitem__)]
        scores = torch.full_like(last, -torch.inf)
        head = last >= relative_top * last.max()
        scores[head] = (last[head] / chosen[head]).log()
        return scores

    return score


@pytest.mark.parametrize(
    ("given", "layers", "temperature"), [("low", (2, 4), 0.0), ("high", (5, 7, 9), 0.8), ((0, 3, 8), (0, 3, 8), 0.0)]
)
def test_the_tokens_are_those_of_the_papers_loop(given: Any, layers: tuple[int, ...], temperature: float) -> None:
    model = load_model("pocket-l", dtype="float64", device="cpu")
    agree(model, dola(layers=given, temperature=temperature), paper(POCKET_L, layers, 0.1), temperature)


def test_the_same_with_other_architectures(tiny_dir: Path) -> None:
    model = hf(str(tiny_dir), dtype="float64", device="cpu")
    agree(model, dola(layers=(0, 1), relative_top=0.02, temperature=0.7), paper(tiny_dir, (0, 1), 0.02), 0.7)


def test_the_premature_layer_is_each_rows_own() -> None:
    rows = torch.randn(9, 4, 50, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * 2
    final, early = rows[:, 0], rows[:, 1:]
    found = premature(final, early)
    assert len(set(found.tolist())) > 1
    p = rows.softmax(-1).numpy()
    for i, chosen in enumerate(found.tolist()):
        distances = [jensenshannon(p[i, 0], p[i, j]) for j in (1, 2, 3)]
        assert chosen == distances.index(max(distances))
        assert premature(final[i : i + 1], early[i : i + 1]).tolist() == [chosen]
    assert premature(final, early[:, [1, 1]]).tolist() == [0] * 9  # of equal ones the lowest


def test_extreme_rows() -> None:
    rows = torch.stack(list(adversarial(20).values()))
    found = premature(rows, torch.stack([rows, rows.flip(-1), torch.zeros_like(rows)], 1))
    assert ((found >= 0) & (found <= 2)).all()
    one_hot = torch.full((1, 5), -torch.inf, dtype=torch.float64).index_fill(1, torch.tensor([2]), 0.0)
    assert premature(one_hot, torch.stack([one_hot, torch.zeros_like(one_hot)], 1)).tolist() == [1]


def tokens(strategy: Any, **knobs: Any) -> list[tuple[int, ...]]:
    model = pocket("m", dtype="float64", **knobs)
    asked = [Request(Prompt(t, t), tuple(model.encode(t)), strategy, 8, seed) for t in "abc" for seed in (0, 1)]
    found = {g.request: g.tokens for g in decode(model, asked)}
    return [found[r] for r in asked]


def test_a_relative_top_of_1_is_greedy() -> None:
    assert tokens(dola(relative_top=1.0)) == tokens(greedy())
    assert tokens(dola(layers=(1, 2, 3))) != tokens(greedy())


def test_the_last_layer_against_itself_leaves_plausible_tokens_equal() -> None:
    model = pocket("m", dtype="float64")
    strategy = dola(layers=(4,), relative_top=0.3, temperature=1.0)
    asked = [Request(Prompt(t, t), tuple(model.encode(t)), strategy, 6, seed) for t in "abc" for seed in (0, 1)]
    for g in decode(model, asked):
        strategy_logprob, kept = g.values[:, 1], g.values[:, 3]
        assert [math.exp(x) for x in strategy_logprob] == pytest.approx([1 / k for k in kept], rel=1e-5)


def test_what_runs_in_numpy_shows_no_layers() -> None:
    with pytest.raises(InputError, match=r"^strategy\.layers='low': the layers of pocket-m .*numpy.*dola needs torch"):
        tokens(dola(), backend="numpy")


@pytest.mark.parametrize(
    ("knob", "value", "says"),
    [
        ("layers", "middle", "'low', 'high' or a list"),
        ("layers", (-1,), "'low', 'high' or a list"),
        ("relative_top", 2.0, "0 <= value <= 1"),
    ],
)
def test_a_bad_knob_is_named(knob: str, value: Any, says: str) -> None:
    with pytest.raises(InputError, match=f"^{knob}=.*{says}"):
        dola(**{knob: value})


def test_a_layer_that_the_model_has_not_is_said_before_decoding() -> None:
    with pytest.raises(InputError, match=r"^strategy\.layers=\[7\]: pocket-m has the layers 0 to 4"):
        tokens(dola(layers=(7,)))
