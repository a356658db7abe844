"""The logits of early layers, against transformers' hidden states, norm and head."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, OPTConfig, OPTForCausalLM

from harness.errors import InputError
from harness.loaders import load_model
from harness.models.early_layers import EarlyLayers, candidates
from harness.models.huggingface import HuggingFaceModel
from harness.models.loading import hf
from harness.models.pocket import pocket
from tests.tiny_models import byte_level_tokenizer, save_tiny

NORMS = {"gpt2": "transformer.ln_f", "llama": "model.norm", "gpt_neox": "gpt_neox.final_layer_norm"}
PROMPTS = [[5, 6, 7], [9], [20, 21, 22, 23, 24, 25, 26]]


@cache
def network(path: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float64).eval()


@torch.no_grad()
def expected(path: Path, tokens: list[int]) -> Tensor:
    """[layers + 1, vocab] of the last position."""
    theirs = network(path)
    states = theirs(input_ids=torch.tensor([tokens]), output_hidden_states=True).hidden_states
    norm = theirs.get_submodule(NORMS[theirs.config.model_type])
    normed = [norm(state[0, -1]) for state in states[:-1]] + [states[-1][0, -1]]
    rows: Tensor = theirs.get_output_embeddings()(torch.stack(normed))
    return rows


def reader(path: Path, layers: tuple[int, ...], **knobs: Any) -> EarlyLayers:
    model: Any = hf(str(path), **{"dtype": "float64", "device": "cpu", **knobs})
    assert model.early_layers(layers) is model.early_layers(layers)
    found: EarlyLayers = model.early_layers(layers)
    return found


@pytest.mark.parametrize("layers", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_prefill_and_extend_give_the_logits_of_every_layer(tiny_dir: Path, layers: tuple[int, ...]) -> None:
    early = reader(tiny_dir, layers)
    output, kept = early.prefill(PROMPTS)
    texts = [list(p) for p in PROMPTS]
    for step in range(3):
        assert output.logits.shape == (len(texts), len(layers), early.vocab)
        for row, text in zip(output.logits, texts, strict=True):
            assert torch.allclose(row, expected(tiny_dir, text)[list(layers)], atol=1e-9, rtol=0)
        new = torch.tensor([30 + step, 40, 50])[: len(texts)]
        texts = [[*text, int(token)] for text, token in zip(texts, new, strict=True)]
        output = early.extend(new, kept)
        if step == 1:  # rows may be dropped and swapped
            kept.select(torch.tensor([2, 0]))
            texts, output.logits[:2] = [texts[2], texts[0]], output.logits[[2, 0]]
            output = type(output)(output.logits[:2])


def test_the_model_itself_is_left_as_it_was(tiny_dir: Path) -> None:
    model: Any = hf(str(tiny_dir), dtype="float64", device="cpu")
    before = model.prefill(PROMPTS)[0].logits
    hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.network.modules())
    model.early_layers((0, 1)).prefill(PROMPTS)
    assert torch.equal(model.prefill(PROMPTS)[0].logits, before)
    assert sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.network.modules()) == hooks


def test_no_layer_runs_above_the_highest_that_is_asked_for() -> None:
    model: Any = pocket("m", dtype="float32")
    ran: list[int] = []
    for number, block in enumerate(model.network.transformer.h):
        block.register_forward_hook(lambda *_, number=number: ran.append(number))
    early = model.early_layers((0, 2))
    assert early.token_bytes * 2 == model.token_bytes  # asks the model what its layers keep
    ran.clear()
    output, kept = early.prefill(PROMPTS)
    early.extend(torch.tensor([1, 2, 3]), kept)
    assert ran == [0, 1, 0, 1]
    assert output.logits.shape == (3, 2, model.vocab)
    exact = pocket("m", dtype="float64").early_layers((0, 2)).prefill(PROMPTS)[0].logits  # type: ignore[attr-defined]
    assert torch.allclose(output.logits.double(), exact, atol=2e-4, rtol=0)  # packed weights, float32


def test_a_decoder_inside_a_decoder_is_cut_too(tmp_path: Path) -> None:
    config = OPTConfig(
        vocab_size=300, hidden_size=32, word_embed_proj_dim=32, ffn_dim=48, num_hidden_layers=3, num_attention_heads=4,
        max_position_embeddings=64, init_std=0.5, bos_token_id=0, eos_token_id=0, pad_token_id=1,
    )  # fmt: skip
    path = save_tiny(tmp_path / "opt", OPTForCausalLM, config, byte_level_tokenizer())
    early = reader(path, (1,))
    theirs = network(path)
    with torch.no_grad():
        state = theirs(input_ids=torch.tensor([PROMPTS[2]]), output_hidden_states=True).hidden_states[1][0, -1]
        logits = theirs.lm_head(theirs.model.decoder.final_layer_norm(state))
    assert torch.allclose(early.prefill([PROMPTS[2]])[0].logits[0, 0], logits, atol=1e-9, rtol=0)


class Shaped:
    """A model of so many layers, as far as the choice of candidates looks."""

    name = "shaped"

    def __init__(self, count: int, tied: bool) -> None:
        decoder = torch.nn.Module()
        decoder.h = torch.nn.ModuleList([torch.nn.Identity() for _ in range(count)])
        config = type("Config", (), {"num_hidden_layers": count, "tie_word_embeddings": tied})()
        config.get_text_config = lambda: config
        self.network = type("Network", (), {"config": config, "get_decoder": lambda _: decoder})()


@pytest.mark.parametrize(
    ("count", "tied", "low", "high"),
    [
        (12, True, (2, 4), (6, 8, 10)),
        (4, True, (2,), (2,)),
        (3, True, (1,), (1,)),  # transformers has no low candidates here
        (5, True, (2,), (2, 4)),
        (2, True, (1,), (1,)),
        (1, True, (0,), (0,)),
        (32, False, tuple(range(0, 16, 2)), tuple(range(16, 32, 2))),
        (48, True, tuple(range(2, 20, 2)), tuple(range(28, 48, 2))),
        (80, False, tuple(range(0, 20, 2)), tuple(range(60, 80, 2))),
    ],
)
def test_low_and_high_are_those_of_the_paper_and_of_transformers(
    count: int, tied: bool, low: tuple[int, ...], high: tuple[int, ...]
) -> None:
    model: Any = Shaped(count, tied)
    assert candidates("low", model) == low
    assert candidates("high", model) == high
    assert candidates((count, 0), model) == (0, count)


@pytest.mark.parametrize("layers", [(5,), (-1, 2), ()])
def test_a_layer_that_is_not_there_is_named(layers: tuple[int, ...]) -> None:
    model: Any = load_model("pocket-m")
    assert isinstance(model, HuggingFaceModel)
    with pytest.raises(InputError, match=r"^strategy\.layers=\[.*\]: pocket-m has the layers 0 to 4$"):
        model.early_layers(layers)
