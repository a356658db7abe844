"""Every way a model directory can be broken is one sentence; the fingerprint follows the content."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.errors import InputError
from harness.models import directory


@pytest.fixture
def model_dir(tiny_gpt2_dir: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(tiny_gpt2_dir, tmp_path / "model"))


def test_a_whole_directory_passes(tiny_dir: Path) -> None:
    directory.check(tiny_dir, "model.name='x'")


def only_bin(path: Path) -> None:
    (path / "model.safetensors").rename(path / "pytorch_model.bin")


def truncate(path: Path) -> None:
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def pointer(path: Path) -> None:
    (path / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")


def missing_shard(path: Path) -> None:
    file = path / "model.safetensors"
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    file.rename(path / names["a"])
    (path / directory.INDEX).write_text(json.dumps({"weight_map": names}))


def empty_index(path: Path) -> None:
    (path / "model.safetensors").unlink()
    (path / directory.INDEX).write_text("{}")


def no_tokenizer(path: Path) -> None:
    (path / "tokenizer.json").unlink()


def encoder_decoder(path: Path) -> None:
    (path / "config.json").write_text(json.dumps({"model_type": "t5", "is_encoder_decoder": True}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "there is no such directory"),
        (lambda path: (path / "config.json").unlink(), "has no config.json"),
        (lambda path: (path / "config.json").write_text("{"), "config.json cannot be read"),
        (lambda path: (path / "config.json").write_text("[]"), "config.json holds no JSON object"),
        (lambda path: (path / "config.json").write_text("{}"), "no 'model_type'"),
        (encoder_decoder, "only causal language models"),
        (lambda path: (path / "model.safetensors").unlink(), "no model.safetensors and no model.safetensors.index"),
        (only_bin, r"weights are in pytorch_model.bin, but only safetensors .* convert"),
        (truncate, "model.safetensors is no whole safetensors file"),
        (pointer, "model.safetensors is no whole safetensors file"),
        (missing_shard, "1 of 2 shards are missing, the first is model-00002-of-00002.safetensors"),
        (empty_index, "names no shards"),
        (no_tokenizer, "has no tokenizer"),
    ],
)
def test_damage_is_named(model_dir: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(model_dir)
    with pytest.raises(InputError, match=rf"^model.name='x': .*{message}") as caught:
        directory.check(model_dir, "model.name='x'")
    assert "\n" not in str(caught.value)


def test_a_file_is_no_directory(model_dir: Path) -> None:
    with pytest.raises(InputError, match="is a file, not a directory"):
        directory.check(model_dir / "config.json", "model.name='x'")


def test_the_fingerprint_is_of_the_content(model_dir: Path, tmp_path: Path) -> None:
    before = directory.fingerprint(model_dir)
    assert directory.fingerprint(Path(shutil.copytree(model_dir, tmp_path / "elsewhere"))) == before
    (model_dir / "README.md").write_text("says nothing about the weights")
    assert directory.fingerprint(model_dir) == before
    weights = load_file(model_dir / "model.safetensors")
    weights["transformer.h.1.mlp.c_fc.weight"][0, 0] += 1e-3
    save_file(weights, model_dir / "model.safetensors", metadata={"format": "pt"})
    after = directory.fingerprint(model_dir)
    assert after != before
    generation = json.loads((model_dir / "generation_config.json").read_text())
    (model_dir / "generation_config.json").write_text(json.dumps({**generation, "eos_token_id": 5}))
    assert directory.fingerprint(model_dir) not in {before, after}


def test_the_fingerprint_of_a_hub_snapshot_is_its_commit(model_dir: Path, tmp_path: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = tmp_path / "models--a--b" / "snapshots" / commit
    shutil.copytree(model_dir, snapshot)
    assert directory.fingerprint(snapshot) == commit


def test_shards_are_found_once_each(model_dir: Path) -> None:
    (model_dir / "model.safetensors").unlink()
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    for name in names:
        save_file({"x": torch.zeros(1)}, model_dir / name)
    index = {"weight_map": {"a": names[1], "b": names[0], "c": names[0]}}
    (model_dir / directory.INDEX).write_text(json.dumps(index))
    assert [f.name for f in directory.weights(model_dir, "x")] == names
