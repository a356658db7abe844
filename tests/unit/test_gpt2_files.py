"""What of a model's directory NumPy can run: knobs, architectures, names and shapes of weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from safetensors.numpy import load_file, save_file

from harness.errors import InputError
from harness.models.gpt2_files import read
from harness.models.loading import hf, preflight
from tests.numpy_networks import alone, torch_gpt2

HF, POCKET = "harness.models.loading.hf", "harness.models.pocket.pocket"
TOKENS = [3, 1, 4, 1, 5, 9, 2, 6, 60]


@pytest.fixture
def folder(tiny_gpt2_dir: Path, tmp_path: Path) -> Path:
    """A copy of the tiny GPT-2 that may be changed."""
    return Path(shutil.copytree(tiny_gpt2_dir, tmp_path / "mine"))


def configured(folder: Path, **changed: Any) -> Path:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changed))
    return folder


def logits(folder: Path) -> Any:
    network = read(folder, "mine", np.float64)
    return network.logits(network.states(np.array([TOKENS]))[0])


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"device": "cuda"}, r"model\.device='cuda': model\.backend='numpy' runs on the CPU alone"),
        ({"device": "mps"}, r"model\.device='mps': .* \(allowed: auto, cpu\)"),
        ({"dtype": "bfloat16"}, r"model\.dtype='bfloat16': .*no half precision \(allowed: auto, float32, float64\)"),
        ({"dtype": "float16"}, r"model\.dtype='float16'"),
        ({"device_map": "auto"}, r"model\.device_map='auto': .*leave it null"),
        ({"backend": "jax"}, r"model\.backend='jax'.*'torch' or 'numpy'"),
    ],
)
def test_knobs_that_numpy_cannot_obey_are_refused(tiny_gpt2_dir: Path, knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        preflight({"factory": HF, "name": str(tiny_gpt2_dir), "backend": "numpy", **knobs})
    assert "\n" not in str(caught.value)
    if "device_map" not in knobs:
        with pytest.raises(InputError, match=message):
            preflight({"factory": POCKET, "size": "s", "backend": "numpy", **knobs})


@pytest.mark.parametrize("fixture", ["tiny_llama_dir", "tiny_neox_dir"])
def test_other_architectures_are_refused_before_anything_is_read(request: pytest.FixtureRequest, fixture: str) -> None:
    with pytest.raises(
        InputError, match=r"runs GPT-2 alone, but model\.name=.* is a (llama|gpt_neox); set model\.back"
    ):
        preflight({"factory": HF, "name": str(request.getfixturevalue(fixture)), "backend": "numpy"})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"activation_function": "relu"}, "has activation_function='relu', .* written for 'gelu_new' or 'gelu_pytorch"),
        ({"scale_attn_weights": False}, "has scale_attn_weights=False"),
        ({"scale_attn_by_inverse_layer_idx": True}, "has scale_attn_by_inverse_layer_idx=True"),
        ({"n_head": 5}, "n_embd=32, which n_head=5 does not divide"),
    ],
)
def test_other_kinds_of_gpt2_are_refused(folder: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        preflight({"factory": HF, "name": str(configured(folder, **changed)), "backend": "numpy"})
    preflight({"factory": HF, "name": str(folder)})


def test_the_oldest_files_are_read(folder: Path) -> None:
    """The hub's gpt2 has names without a prefix, attention masks among its weights, and few keys in its config."""
    before = logits(folder)
    weights = {n.removeprefix("transformer."): w for n, w in load_file(folder / "model.safetensors").items()}
    weights |= {f"h.{i}.attn.bias": np.tril(np.ones((1, 1, 64, 64), np.float32)) for i in range(2)}
    save_file(weights, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    kept = ("model_type", "n_embd", "n_head", "n_layer", "n_positions", "vocab_size")
    (folder / "config.json").write_text(json.dumps({name: config[name] for name in kept}))
    assert (logits(folder) == before).all()
    hf(name=str(folder), backend="numpy")


def test_an_untied_head_shards_and_another_epsilon_are_read(tmp_path: Path) -> None:
    network = torch_gpt2("float64", tie_word_embeddings=False, n_inner=16, layer_norm_epsilon=0.01)
    network.save_pretrained(tmp_path, max_shard_size="5KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    assert_allclose(logits(tmp_path), alone(network, TOKENS)[0], rtol=0, atol=1e-9)


def test_half_precision_is_widened(tmp_path: Path) -> None:
    network = torch_gpt2("float16")
    network.save_pretrained(tmp_path)
    assert_allclose(logits(tmp_path), alone(network.double(), TOKENS)[0], rtol=0, atol=1e-9)


def test_weights_that_are_not_the_configs_are_named(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    missing = weights.pop("transformer.h.1.mlp.c_fc.bias")
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(InputError, match=r"^mine: 1 weights are missing from the safetensors, the first is h\.1\.mlp"):
        read(folder, "mine", np.float32)
    save_file(weights | {"transformer.h.1.mlp.c_fc.bias": missing[1:]}, folder / "model.safetensors")
    with pytest.raises(InputError, match=r"h\.1\.mlp\.c_fc\.bias has shape \[127\], config\.json makes it \[128\]"):
        read(folder, "mine", np.float32)


def test_bfloat16_is_refused(tmp_path: Path) -> None:
    torch_gpt2().to(torch.bfloat16).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="is stored as BF16, which NumPy does not have; set model"):
        read(tmp_path, "mine", np.float32)
