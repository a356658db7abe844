"""Packed networks against plain ones: equal to rounding, and plain wherever packing cannot be right."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, MambaConfig, MambaForCausalLM
from transformers.activations import NewGELUActivation

from harness.models import packed as module
from harness.models.loading import hf
from harness.models.packed import FusedGELU, Packed, pack


def _works() -> bool:
    layer: Any = nn.Linear(512, 512)
    holder: Any = nn.Sequential(layer)
    holder.device, holder.dtype = torch.device("cpu"), torch.float32
    holder.forward = lambda input_ids: layer(torch.ones(1, 512))
    pack(holder)
    return type(layer) is Packed


needed = pytest.mark.skipif(not _works(), reason="this torch or CPU has no packed kernels")


@pytest.fixture(autouse=True)
def everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pack the smallest layers too."""
    monkeypatch.setattr(module, "SMALLEST", {torch.float32: 0, torch.bfloat16: 0})


def gpt2(dtype: torch.dtype = torch.float32) -> Any:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=300, n_positions=64, n_embd=32, n_layer=2, n_head=2, eos_token_id=0, bos_token_id=0)
    return GPT2LMHeadModel(config).to(dtype).eval()


def kinds(network: Any) -> list[type]:
    return [type(layer) for layer in network.modules()]


@torch.no_grad()
def logits(network: Any) -> Tensor:
    """Prefill of two left-padded prompts, and one step on."""
    tokens = torch.tensor([[0, 0, 9, 40, 41], [5, 6, 7, 8, 9]])
    mask = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    out = network(tokens, attention_mask=mask, use_cache=True)
    step = network(
        torch.tensor([[3], [4]]),
        attention_mask=torch.cat([mask, mask[:, -1:]], 1),
        past_key_values=out.past_key_values,
        use_cache=True,
    )
    found: Tensor = torch.cat([out.logits[:, 2:], step.logits], 1)
    return found


@needed
def test_packed_is_plain_to_rounding(tiny_dir: Path) -> None:
    plain = AutoModelForCausalLM.from_pretrained(tiny_dir).eval()
    network = copy.deepcopy(plain)
    pack(network)
    assert Packed in kinds(network)
    assert nn.Linear not in kinds(network)
    torch.testing.assert_close(logits(network), logits(plain), atol=1e-5, rtol=1e-5)


@needed
def test_bfloat16_is_plain_to_its_rounding() -> None:
    plain = gpt2(torch.bfloat16)
    network = copy.deepcopy(plain)
    pack(network)
    assert Packed in kinds(network)
    torch.testing.assert_close(logits(network), logits(plain), atol=2e-2, rtol=2e-2)


@needed
def test_what_is_asked_of_a_network_stays() -> None:
    plain = gpt2()
    network = copy.deepcopy(plain)
    pack(network)
    assert (network.dtype, network.device) == (plain.dtype, plain.device)
    assert network.get_output_embeddings().weight.shape == plain.get_output_embeddings().weight.shape
    assert network.get_input_embeddings().weight.shape == plain.get_input_embeddings().weight.shape
    assert FusedGELU in kinds(network)
    assert NewGELUActivation not in kinds(network)
    prompt = torch.tensor([[5, 6, 7]])
    knobs = {"max_new_tokens": 20, "do_sample": False, "attention_mask": torch.ones_like(prompt), "pad_token_id": 0}
    assert torch.equal(network.generate(prompt, **knobs), plain.generate(prompt, **knobs))


@needed
def test_the_knob_packs_and_the_model_says_the_same(tiny_gpt2_dir: Path) -> None:
    packed: Any = hf(name=str(tiny_gpt2_dir), device="cpu")
    plain: Any = hf(name=str(tiny_gpt2_dir), device="cpu", packed=False)
    assert Packed in kinds(packed.network)
    assert Packed not in kinds(plain.network)
    for name in ("vocab", "context", "eos", "dtype", "device", "fingerprint"):
        assert getattr(packed, name) == getattr(plain, name)
    torch.testing.assert_close(packed.prefill([[1, 2, 3], [4]])[0].logits, plain.prefill([[1, 2, 3], [4]])[0].logits)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_other_dtypes_stay_plain(dtype: torch.dtype) -> None:
    network = gpt2(dtype)
    before = kinds(network)
    pack(network)
    assert kinds(network) == before


def test_small_layers_stay_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SMALLEST", {torch.float32: 300 * 32})  # the head's size
    network = gpt2()
    pack(network)
    assert kinds(network).count(Packed) <= 1


def test_other_processors_stay_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    network = gpt2()
    before = kinds(network)
    pack(network)
    assert kinds(network) == before


class Operators:
    """Stands in for torch.ops.mkldnn."""

    def __init__(self, **operators: Any) -> None:
        self.__dict__.update(operators)


def refuse(*_: Any) -> Tensor:
    raise RuntimeError("no bf16 here")


def wrong(x: Tensor, weight: Tensor, *_: Any) -> Tensor:
    return 1.001 * nn.functional.linear(x, weight)


def undefined(x: Tensor, weight: Tensor, *_: Any) -> Tensor:
    return nn.functional.linear(x, weight) * torch.nan


@pytest.mark.parametrize(
    "operators",
    [
        Operators(),
        Operators(_reorder_linear_weight=lambda w, _: w),
        Operators(_reorder_linear_weight=refuse, _linear_pointwise=refuse),
        *(Operators(_reorder_linear_weight=lambda w, _: w, _linear_pointwise=op) for op in (refuse, wrong, undefined)),
    ],
    ids=["absent", "half", "refused", "refused later", "wrong", "nan"],
)
def test_without_the_right_operator_layers_stay_plain(operators: Operators, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops, "mkldnn", operators)
    plain, network = gpt2(), gpt2()
    pack(network)
    assert Packed not in kinds(network)
    torch.testing.assert_close(logits(network), logits(plain), atol=1e-6, rtol=1e-6)
    network.train()  # the very weights are there still
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), plain.parameters(), strict=True))


def test_a_network_that_reads_the_weights_of_its_layers_stays_plain() -> None:
    torch.manual_seed(0)
    config = MambaConfig(vocab_size=300, hidden_size=32, num_hidden_layers=2, state_size=4, pad_token_id=0)
    plain = MambaForCausalLM(config).eval()
    network = copy.deepcopy(plain)
    pack(network)
    assert Packed not in kinds(network)
    for (name, weight), expected in zip(network.state_dict().items(), plain.state_dict().values(), strict=True):
        assert torch.equal(weight, expected), name
