"""Perplexities of long texts, in windows."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from harness.errors import InputError
from harness.loaders import load_model
from harness.studies.facts.windows import perplexity, windows
from tests.windowed import STORY, documented


@pytest.mark.parametrize(("window", "stride"), [(16, 16), (16, 8), (16, 5), (16, 1), (40, 40), (2, 1)])
def test_windowed_perplexity_is_that_of_the_documentation(window: int, stride: int, tiny_gpt2_dir: Path) -> None:
    model = load_model("hf", name=str(tiny_gpt2_dir), dtype="float64")
    network = AutoModelForCausalLM.from_pretrained(tiny_gpt2_dir, dtype=torch.float64)
    tokens = model.encode(STORY)
    found = perplexity(model, tokens, window, stride)
    assert found.documented == pytest.approx(documented(network, torch.tensor([tokens]), window, stride), rel=1e-5)


def test_a_text_of_one_window_has_its_plain_perplexity(tiny_gpt2_dir: Path) -> None:
    model = load_model("hf", name=str(tiny_gpt2_dir), dtype="float64")
    network = AutoModelForCausalLM.from_pretrained(tiny_gpt2_dir, dtype=torch.float64)
    tokens = model.encode(STORY)
    logprobs = network(torch.tensor([tokens])).logits[0].log_softmax(-1)
    mean = logprobs[range(len(tokens) - 1), tokens[1:]].mean().item()
    found = perplexity(model, tokens, 64, 8)
    assert found.value == pytest.approx(math.exp(-mean), rel=1e-9)
    assert found.predicted == len(tokens) - 1


@pytest.mark.parametrize(
    ("length", "window", "stride"), [(100, 16, 16), (100, 16, 7), (5, 16, 4), (33, 16, 1), (2, 2, 2)]
)
def test_windows_predict_every_token_at_most_once(length: int, window: int, stride: int) -> None:
    some = list(windows(length, window, stride))
    predicted = [token for each in some for token in each.predicted]
    assert predicted == sorted(set(predicted))
    starts = {each.begin for each in some} if stride == window else {0}
    assert set(range(length)) - set(predicted) == starts  # the first token of a window that overlaps none has no past
    assert max(each.end - each.begin for each in some) <= window


def test_windows_that_leave_tokens_out_are_a_mistake() -> None:
    with pytest.raises(InputError, match=r"stride=20.*allowed"):
        list(windows(100, 16, 20))
