"""From a directory into memory: dtype, device, silence, and checkpoints that do not hold together."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.utils import logging

from harness.errors import InputError
from harness.models.loading import hf
from tests.tiny_models import byte_level_tokenizer, save_tiny

WEIGHT = "transformer.h.1.mlp.c_fc.weight"


@pytest.fixture
def model_dir(tiny_gpt2_dir: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(tiny_gpt2_dir, tmp_path / "model"))


def test_auto_is_float32_on_the_cpu(tmp_path: Path) -> None:
    config = GPT2Config(vocab_size=300, n_positions=32, n_embd=16, n_layer=1, n_head=2)
    path = save_tiny(tmp_path / "half", GPT2LMHeadModel, config, byte_level_tokenizer(), torch.float16)
    assert hf(name=str(path), device="cpu").dtype == torch.float32
    assert hf(name=str(path), device="cpu", dtype="float16").dtype == torch.float16


def test_loading_says_nothing(tiny_gpt2_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    logging.enable_progress_bar()
    hf(name=str(tiny_gpt2_dir)).encode("a word " * 200)  # longer than the context
    assert capfd.readouterr() == ("", "")
    assert logging.is_progress_bar_enabled()  # others' settings are left as they were


def test_a_missing_weight_is_named(model_dir: Path) -> None:
    weights = load_file(model_dir / "model.safetensors")
    del weights[WEIGHT]
    save_file(weights, model_dir / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=rf"^model.name='.*': 1 weights are missing .*{WEIGHT}$"):
        hf(name=str(model_dir))


def test_a_weight_of_another_shape_is_named(model_dir: Path) -> None:
    weights = load_file(model_dir / "model.safetensors")
    weights[WEIGHT] = torch.zeros(3, 5)
    save_file(weights, model_dir / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=rf"{WEIGHT} has shape \[3, 5\], config.json makes it \[32, 128\]"):
        hf(name=str(model_dir))


def test_a_tokenizer_with_more_tokens_than_logits_is_refused(tmp_path: Path) -> None:
    config = GPT2Config(vocab_size=61, n_positions=32, n_embd=16, n_layer=1, n_head=2)
    path = save_tiny(tmp_path / "small", GPT2LMHeadModel, config, byte_level_tokenizer())
    with pytest.raises(InputError, match="small: the tokenizer has token 299, the model only the logits of 61"):
        hf(name=str(path))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("tokenizer.json", "{}", "the tokenizer cannot be loaded"),
        ("config.json", json.dumps({"model_type": "no-such-architecture"}), "cannot be loaded .*no-such-architecture"),
        ("config.json", json.dumps({"model_type": "vit"}), "the model cannot be loaded"),
    ],
)
def test_what_transformers_refuses_is_one_sentence(model_dir: Path, file: str, content: str, message: str) -> None:
    (model_dir / file).write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        hf(name=str(model_dir))
    assert "\n" not in str(caught.value)


def test_a_device_that_is_not_there_is_named(tiny_gpt2_dir: Path) -> None:
    missing = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(InputError, match=rf"model.device='{missing}': torch sees no such device here, only .*cpu"):
        hf(name=str(tiny_gpt2_dir), device=missing)


@pytest.mark.parametrize("device", ["auto", "mps"])
def test_float64_is_refused_where_apples_device_would_hold_it(
    device: str, tiny_gpt2_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    with pytest.raises(InputError, match=r"model\.dtype=float64: mps has no float64; set model\.device=cpu"):
        hf(name=str(tiny_gpt2_dir), device=device, dtype="float64")


def test_a_device_map_gives_the_same_logits(tiny_gpt2_dir: Path) -> None:
    pytest.importorskip("accelerate", reason="pip install 'accelerate'")
    plain, spread = (hf(name=str(tiny_gpt2_dir), dtype="float32", device_map=m) for m in (None, {"": "cpu"}))
    expected, got = (m.prefill([[1, 2, 3], [4]])[0].logits.cpu() for m in (plain, spread))
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=0)
