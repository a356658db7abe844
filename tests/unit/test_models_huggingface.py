"""Prefill, extend, select and forward against single unpadded rows of transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import AutoModelForCausalLM, BertConfig, OPTConfig

from harness.errors import InputError
from harness.models.huggingface import HuggingFaceModel
from harness.models.loading import hf
from tests.tiny_models import byte_level_tokenizer

PROMPTS = [[9, 40, 41], [5, 6, 7, 8, 9, 10, 11, 12, 13], [200]]
TOLERANCE = {"float32": 1e-5, "float64": 1e-13}  # of the largest logit


@pytest.fixture(params=["float32", "float64"])
def pair(request: pytest.FixtureRequest, tiny_dir: Path) -> tuple[HuggingFaceModel, Any, float]:
    """Our model, transformers' of the same directory, and how far apart they may be."""
    ours = hf(name=str(tiny_dir), device="cpu", dtype=request.param)
    theirs = AutoModelForCausalLM.from_pretrained(tiny_dir, dtype=getattr(torch, request.param)).eval()
    assert isinstance(ours, HuggingFaceModel)
    return ours, theirs, TOLERANCE[request.param]


@torch.no_grad()
def alone(network: Any, tokens: list[int]) -> tuple[Tensor, Tensor]:
    """Logits and last hidden states of one row, without padding, cache or explicit positions."""
    out = network(torch.tensor([tokens]), use_cache=False, output_hidden_states=True)
    return out.logits[0], out.hidden_states[-1][0]


def distance(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, relative to the largest value: what rounding scales with."""
    assert ours.shape == theirs.shape
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def test_prefill_is_each_prompt_alone(pair: tuple[HuggingFaceModel, Any, float]) -> None:
    ours, theirs, tolerance = pair
    output, _ = ours.prefill(PROMPTS, hidden=True)
    assert output.hidden is not None
    assert output.logits.dtype == ours.dtype
    for row, prompt in enumerate(PROMPTS):
        logits, hidden = alone(theirs, prompt)
        assert distance(output.logits[row], logits[-1]) < tolerance
        assert distance(output.hidden[row, -len(prompt) :], hidden) < tolerance


def test_extend_after_select_is_each_row_alone(pair: tuple[HuggingFaceModel, Any, float]) -> None:
    ours, theirs, tolerance = pair
    _, cache = ours.prefill(PROMPTS)
    sequences = [list(p) for p in PROMPTS]
    for step, rows in enumerate([[1, 1, 0, 2, 1], [4, 3, 2, 1, 0], [2, 0], [0, 1], [1, 1, 1]]):
        cache.select(torch.tensor(rows))
        tokens = [(17 * step + 31 * i) % 290 for i in range(len(rows))]
        sequences = [[*sequences[r], t] for r, t in zip(rows, tokens, strict=True)]
        output = ours.extend(torch.tensor(tokens), cache, hidden=True)
        assert output.hidden is not None
        assert output.logits.shape == (len(rows), ours.vocab)
        for row, sequence in enumerate(sequences):
            logits, hidden = alone(theirs, sequence)
            assert distance(output.logits[row], logits[-1]) < tolerance
            assert distance(output.hidden[row], hidden[-1]) < tolerance


def test_forward_is_each_sequence_alone(pair: tuple[HuggingFaceModel, Any, float]) -> None:
    ours, theirs, tolerance = pair
    wanted = [range(len(PROMPTS[0])), range(0), *(range(len(p) - 1, len(p)) for p in PROMPTS[2:])]
    found = ours.forward(PROMPTS, wanted)
    expected = [[values[at] for values in alone(theirs, p)] for p, at in zip(PROMPTS, wanted, strict=True)]
    for values, column in zip(found, zip(*expected, strict=True), strict=True):
        assert values.shape == torch.cat(column).shape
        assert distance(values, torch.cat(column)) < tolerance


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompts=st.lists(st.lists(st.integers(0, 299), min_size=1, max_size=12), min_size=1, max_size=5))
def test_padding_moves_nothing(tiny_dir: Path, prompts: list[list[int]]) -> None:
    model = hf(name=str(tiny_dir), device="cpu", dtype="float64")
    together, _ = model.prefill(prompts)
    for row, prompt in enumerate(prompts):
        single, _ = model.prefill([prompt])
        assert distance(together.logits[row], single.logits[0]) < 1e-13


def test_decoding_fills_the_context(tiny_gpt2_dir: Path) -> None:
    model = hf(name=str(tiny_gpt2_dir), device="cpu")
    assert model.context == 64
    output, cache = model.prefill([[1] * 62, [2] * 10])
    for _ in range(2):
        output = model.extend(output.logits.argmax(-1), cache)
    assert output.logits.isfinite().all()


@pytest.mark.parametrize("sequences", [[[1] * 65, [2]], [[1], []], []])
def test_what_cannot_run_is_refused(tiny_gpt2_dir: Path, sequences: list[list[int]]) -> None:
    model = hf(name=str(tiny_gpt2_dir), device="cpu")
    message = "context of 64 tokens; a text has 65" if sequences and len(sequences[0]) > 1 else "at least one token"
    with pytest.raises(InputError, match=message):
        model.prefill(sequences)
    with pytest.raises(InputError, match=message):
        model.forward(sequences, [range(len(s)) for s in sequences])


def test_half_precision_gives_float32_logits(tiny_llama_dir: Path) -> None:
    model = hf(name=str(tiny_llama_dir), device="cpu", dtype="bfloat16")
    assert model.dtype == torch.bfloat16
    output, cache = model.prefill(PROMPTS, hidden=True)
    assert output.hidden is not None
    assert output.logits.dtype == output.hidden.dtype == model.extend(torch.tensor([1, 2, 3]), cache).logits.dtype
    assert output.logits.dtype == torch.float32


def test_eos_is_read_from_the_generation_config(tiny_gpt2_dir: Path, tiny_llama_dir: Path) -> None:
    assert hf(name=str(tiny_gpt2_dir), device="cpu").eos == {0}
    assert hf(name=str(tiny_llama_dir), device="cpu").eos == {2, 3}


def test_a_nested_decoder_gives_its_hidden_states() -> None:
    """OPT's head calls the decoder inside the base model, past the base model itself."""
    config = OPTConfig(
        vocab_size=300, hidden_size=32, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4, word_embed_proj_dim=32
    )
    network = AutoModelForCausalLM.from_config(config).eval()
    model = HuggingFaceModel(network, byte_level_tokenizer(), name="opt", fingerprint="")
    output, _ = model.prefill(PROMPTS, hidden=True)
    assert output.hidden is not None
    for row, prompt in enumerate(PROMPTS):
        assert distance(output.hidden[row, -1], alone(network, prompt)[1][-1]) < 1e-5


def test_a_model_that_reads_both_ways_is_refused() -> None:
    config = BertConfig(
        vocab_size=300, hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4
    )
    network = AutoModelForCausalLM.from_config(config).eval()
    model = HuggingFaceModel(network, byte_level_tokenizer(), name="bert", fingerprint="")
    with pytest.raises(InputError, match="bert: BertLMHeadModel keeps no keys and values"):
        model.prefill(PROMPTS)
