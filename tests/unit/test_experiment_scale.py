"""The formulas of experiments/scale against transformers, torch's own counter, the harness, and the kernel."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, DynamicCache, GPT2Config, LlamaConfig

from experiments.scale import prompts as made
from experiments.scale import sweep
from experiments.scale.model import fitted, shapes
from experiments.scale.roofline import Around, Device
from experiments.scale.shapes import Shape, gpt2_xl, llama_8b, shape_of
from experiments.scale.watch import watch
from harness import load_model, memory

TINY: dict[str, Any] = {
    "heads that share keys": LlamaConfig(
        vocab_size=61,
        hidden_size=24,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=4,
        tie_word_embeddings=False,
    ),
    "GPT-2's family": GPT2Config(vocab_size=53, n_embd=16, n_layer=3, n_head=4),
}


def network(config: Any, dtype: torch.dtype = torch.float32) -> Any:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval().to(dtype)


@pytest.mark.parametrize("config", TINY.values(), ids=TINY)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_cache_of_transformers_has_the_bytes_of_the_formula(config: Any, dtype: torch.dtype) -> None:
    cache = DynamicCache()
    with torch.no_grad():
        network(config, dtype)(torch.ones(3, 7, dtype=torch.long), past_key_values=cache, use_cache=True)
    held = sum(t.numel() * t.element_size() for layer in cache.layers for t in (layer.keys, layer.values))
    assert held == 3 * 7 * shape_of("tiny", config).token_bytes(dtype.itemsize)


@pytest.mark.parametrize("config", TINY.values(), ids=TINY)
def test_a_step_has_as_many_products_as_torch_counts(config: Any) -> None:
    model, rows, past = network(config), 3, 6
    with torch.no_grad():
        cache = model(torch.ones(rows, past, dtype=torch.long), use_cache=True).past_key_values
        with FlopCounterMode(display=False) as counter:
            model(torch.ones(rows, 1, dtype=torch.long), past_key_values=cache)
    assert counter.get_total_flops() == pytest.approx(rows * shape_of("tiny", config).flops(past + 1), rel=0.01)


def test_published_sizes() -> None:
    assert gpt2_xl().parameters == 1_557_611_200
    assert llama_8b().parameters == 8_030_261_248
    assert llama_8b().token_bytes(2) == 128 * 1024


@pytest.mark.parametrize("name", ["pocket-s", "pocket-l"])
def test_the_harness_measures_what_the_formula_says(name: str) -> None:
    assert load_model(name, device="cpu").token_bytes == shapes()[name].token_bytes(4)


def test_as_many_rows_fit_as_the_harness_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = shape_of("tiny", TINY["GPT-2's family"])
    device = Device("gpu", 1.0, 1.0, 2, memory=shape.parameters * 2 + 5e6)
    monkeypatch.setattr(memory, "free", lambda _: 5_000_000)
    model: Any = SimpleNamespace(token_bytes=shape.token_bytes(2), vocab=53, device=torch.device("cuda"))
    assert device.rows(shape, 100) == memory.rows_that_fit(model, 100) > 1


def test_a_step_takes_the_longer_of_moving_and_multiplying() -> None:
    shape = Shape("x", layers=1, heads=1, kv_heads=1, head_dim=1, vocab=1, parameters=100, multiplied=100)
    device = Device("x", bandwidth=400.0, flops=1000.0, size=4)
    assert device.step(shape, 1, 0) == 1.0  # 400 bytes against 200 products
    assert device.step(shape, 10, 0) == 2.0  # 400 bytes against 2,000
    assert device.step(shape, 1, 50) == 2.0  # 400 bytes of weights, 400 of the cache


def test_what_is_fitted_is_what_the_steps_were_made_of() -> None:
    around, device = Around(5e-3, 2e-4, 1e-3, 1e-5, 1e-9), Device("x", 1e9, 1e9, 4)
    cases = []
    for layers in (1, 13):
        for vocab in (4096, 50257):
            shape = Shape("x", layers, 2, 2, 32, vocab, 1000, 1000)
            cases += [
                (shape, rows, groups, device.step(shape, rows, 28) + around.seconds(shape, rows, groups))
                for rows, groups in ((1, 1), (128, 1), (128, 16))
            ]
    found = fitted(cases, device)
    assert vars(found) == pytest.approx(vars(around))


def test_prompts_differ_and_are_the_same_again(tmp_path: Path) -> None:
    made.write(tmp_path / "one.jsonl", 300)
    made.write(tmp_path / "other.jsonl", 300)
    text = (tmp_path / "one.jsonl").read_text()
    assert text == (tmp_path / "other.jsonl").read_text()
    records = [json.loads(line) for line in text.splitlines()]
    assert len({record["prompt"] for record in records}) == 300
    assert all(record["reference"].strip() for record in records)


def test_requests_are_those_of_greedy_and_of_four_samplers() -> None:
    assert sweep.prompts("prompts", 50_000) * (1 + 4 * 6) == 50_000
    assert sweep.prompts("samples", 50_000) * (1 + 4 * 156) == 50_000
    with pytest.raises(SystemExit, match="multiple of 25"):
        sweep.prompts("prompts", 12_501)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_watching_sees_the_peak_and_the_processor(tmp_path: Path) -> None:
    work = "x = bytearray(150 << 20); x[::4096] = b'1' * len(x[::4096]); del x; n = 0\nwhile n < 2_000_000: n += 1\n"
    seen = watch([sys.executable, "-c", work], tmp_path, {})
    assert 150 << 20 < seen.peak < 300 << 20
    assert 0 < seen.cpu(seen.start, seen.end) <= seen.end - seen.start + 0.05
