"""Truncations on real logits of GPT-2, against kept-set sizes that were worked out without this project."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from harness import transforms
from harness.inspect.outcome import transformed
from harness.nodes import Nodes
from harness.sampler import draw
from harness.transforms import chain
from tests.corpora import golden
from tests.views import view_of as view

FACTORIES = {
    "nucleus_size": transforms.top_p,
    "min_p_size": transforms.min_p,
    "epsilon_size": transforms.epsilon_cutoff,
    "eta_size": transforms.eta_cutoff,
    "typical_size": transforms.typical_p,
}


@pytest.mark.parametrize("file", ["ex0.json", "ex1.json"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", list(FACTORIES))
def test_as_many_tokens_are_kept_as_elsewhere(file: str, dtype: torch.dtype, kind: str) -> None:
    derived: dict[str, Any] = json.loads(golden("gpt2-logits/derived.json").read_text())[file]
    logits = torch.tensor([json.loads(golden(f"gpt2-logits/{file}").read_text())["logits"]], dtype=dtype)
    sizes = derived[kind]
    assert sizes == derived["hf_5.23_float32"][kind]
    found = {}
    for value in sizes:
        cut = chain(FACTORIES[kind](float(value)))
        kept = int((cut(logits, view(logits)) > -torch.inf).sum())
        assert kept == int(transformed(cut, view(logits)).kept.sum())
        if not cut.general:  # what sampling records, from the sorted prefix
            one = torch.tensor([0.5], dtype=torch.float64)
            ranked = [t.ranked for t in cut.monotone]
            assert kept == int(draw(Nodes(logits), torch.zeros(1, dtype=torch.int64), one, ranked).possible)
        found[value] = kept
    assert found == sizes


@pytest.mark.parametrize("file", ["ex0.json", "ex1.json"])
def test_the_entropy_is_that_of_elsewhere(file: str) -> None:
    derived: dict[str, Any] = json.loads(golden("gpt2-logits/derived.json").read_text())[file]
    logits = torch.tensor([json.loads(golden(f"gpt2-logits/{file}").read_text())["logits"]], dtype=torch.float64)
    assert transformed(chain(), view(logits)).entropy == pytest.approx(derived["entropy_nats"], rel=1e-12)
