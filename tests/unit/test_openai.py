"""OpenAI's GPT-2 files: the logits of TensorFlow and of transformers, and the same generations."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel, GPT2Tokenizer

import harness
from harness.errors import InputError
from harness.models.bpe import BPE
from harness.models.huggingface import HuggingFaceModel
from harness.models.loading import load, preflight
from harness.models.openai import openai, tokenizer
from tests.corpora import golden
from tests.data.tensorflow import write

MODELS = write.HERE / "gpt2"
NODE = {"factory": "harness.models.openai.openai", "path": str(MODELS), "size": "tiny"}
PROMPTS = ("the king and the ring", " in the sea", "x")


def transformers_model(values: Mapping[str, NDArray[Any]], hparams: Mapping[str, int]) -> Any:
    """transformers' network with OpenAI's variables, each put into its place by hand."""
    config = GPT2Config(
        vocab_size=hparams["n_vocab"],
        n_positions=hparams["n_ctx"],
        n_embd=hparams["n_embd"],
        n_head=hparams["n_head"],
        n_layer=hparams["n_layer"],
        bos_token_id=hparams["n_vocab"] - 1,
        eos_token_id=hparams["n_vocab"] - 1,
    )
    network = GPT2LMHeadModel(config).eval()
    body = network.transformer
    places: dict[str, Any] = {"model/wte": body.wte.weight, "model/wpe": body.wpe.weight}
    norms = {"model/ln_f": body.ln_f}
    for i, block in enumerate(body.h):
        norms |= {f"model/h{i}/ln_1": block.ln_1, f"model/h{i}/ln_2": block.ln_2}
        attention, feed_forward = f"model/h{i}/attn", f"model/h{i}/mlp"
        layers = {f"{attention}/c_attn": block.attn.c_attn, f"{attention}/c_proj": block.attn.c_proj}
        layers |= {f"{feed_forward}/c_fc": block.mlp.c_fc, f"{feed_forward}/c_proj": block.mlp.c_proj}
        for name, layer in layers.items():
            places |= {f"{name}/w": layer.weight, f"{name}/b": layer.bias}
    for name, norm in norms.items():
        places |= {f"{name}/g": norm.weight, f"{name}/b": norm.bias}
    assert set(places) == set(values)
    for name, parameter in places.items():
        parameter.data = torch.from_numpy(values[name].astype(np.float32)).reshape(parameter.shape)
    network.tie_weights()
    return network


def logits(model: Any) -> NDArray[Any]:
    found: NDArray[Any] = model.forward([write.PROBE], [range(len(write.PROBE))])[0].numpy()
    return found


@pytest.mark.parametrize("backend", ["torch", "numpy"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-6), ("float64", 1e-13)])
def test_the_logits_are_tensorflows(dtype: str, tolerance: float, backend: str) -> None:
    model = load(NODE | {"dtype": dtype, "backend": backend, "device": "cpu"})
    expected = np.load(MODELS / "expected.npz")["logits"]
    assert np.abs(expected).max() > 5
    np.testing.assert_allclose(logits(model), expected, atol=tolerance, rtol=0)


def test_the_logits_are_transformers() -> None:
    model = load(NODE | {"packed": False, "device": "cpu"})
    with torch.no_grad():
        expected = transformers_model(write.gpt2(), write.HPARAMS)(torch.tensor([write.PROBE])).logits[0]
    np.testing.assert_allclose(logits(model), expected.numpy(), atol=1e-6, rtol=0)


def test_the_generations_are_those_of_the_converted_model(tmp_path: Path) -> None:
    """Converted by hand into transformers' directory, and loaded with model=hf: other files, other code."""
    network = transformers_model(write.gpt2(), write.HPARAMS)
    network.save_pretrained(tmp_path)
    vocab = json.loads((MODELS / "tiny" / "encoder.json").read_text())
    GPT2Tokenizer(vocab=vocab, merges=[tuple(merge.split()) for merge in write.MERGES]).save_pretrained(tmp_path)
    strategies = ["greedy", "top_p", "beam"]
    for knobs in ({}, {"backend": "numpy"}):
        ours = harness.load_model("openai", path=str(MODELS), size="tiny", device="cpu", **knobs)
        theirs = harness.load_model("hf", name=str(tmp_path), device="cpu", **knobs)
        frames = [harness.decode(each, PROMPTS, strategies, samples=3, max_new_tokens=12) for each in (ours, theirs)]
        for column in ("text", "tokens", "logprob"):
            assert [list(x) for x in frames[0][column]] == [list(x) for x in frames[1][column]]
        assert frames[0]["text"].nunique() > 10


def test_the_model_is_that_of_its_files() -> None:
    model = load(NODE | {"device": "cpu"})
    assert isinstance(model, HuggingFaceModel)
    assert (model.name, model.vocab, model.context, model.eos) == ("openai-tiny", 269, 48, frozenset([268]))
    assert model.dtype == torch.float32
    assert len(model.fingerprint) == 32
    assert model.encode("") == [268]
    assert model.encode("the <|endoftext|>")[-1] == 268
    assert not model.network.training
    assert load(NODE | {"dtype": "bfloat16", "device": "cpu"}).dtype == torch.bfloat16


def test_the_tokenizer_is_openais() -> None:
    model, bpe = load(NODE | {"device": "cpu"}), BPE.read(MODELS / "tiny")
    for text in (*PROMPTS, "thethe rere  \n\n anding", "ärger 你好 🙂 it's", "\x00\x7f\u00ad\u0100"):
        assert model.encode(text) == bpe.encode(text)
        assert model.decode(model.encode(text)) == text
    assert model.pieces(model.encode("the ring")) == ["t", "he", " ", "r", "ing"]


def test_gpt2s_own_tokenizer() -> None:
    folder = golden("gpt2-tokenizer")
    ours, theirs = tokenizer(BPE.read(folder)), AutoTokenizer.from_pretrained(folder)
    for text in ("Hello, I am", " naïve 😀", "x<|endoftext|>y", "def f(x):\n    return x  # ŝ", "\t\r\n  don't we'll"):
        assert ours(text)["input_ids"] == theirs(text)["input_ids"]
    for name in ("eos_token_id", "bos_token_id", "unk_token_id", "pad_token_id"):
        assert getattr(ours, name) == getattr(theirs, name)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"path": None}, "model.path is not set: model=openai needs model.path=DIR"),
        ({"path": "/nowhere"}, "model.path='/nowhere': there is no such directory"),
        ({"path": 3}, "model.path=3: "),
        ({"size": "355M"}, "model.size='355M': model.path='.*' has no such folder; allowed: tiny"),
        ({"size": "../x"}, r"model.size='\.\./x': "),
        ({"size": 124}, "model.size=124: "),
        ({"size": None}, "model.size is not set: .* allowed: tiny"),
        ({"dtype": "int8"}, "model.dtype='int8'"),
        ({"backend": "jax"}, "model.backend='jax'"),
        ({"backend": "numpy", "dtype": "float16"}, "model.dtype='float16': model.backend='numpy'"),
        ({"backend": "numpy", "device": "cuda"}, "model.device='cuda': model.backend='numpy'"),
        ({"pth": "x"}, "unknown key model.pth='x': did you mean 'path'"),
    ],
)
def test_mistakes_are_one_sentence(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}") as caught:
        preflight(NODE | knobs)
    assert "\n" not in str(caught.value)


def test_the_home_directory_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(MODELS.parent))
    preflight(NODE | {"path": "~/gpt2"})


def test_a_device_that_is_not_there_is_named() -> None:
    missing = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(InputError, match=rf"model.device='{missing}': torch sees no such device here, only .*cpu"):
        openai(path=str(MODELS), size="tiny", device=missing)


def test_model_hf_says_how_to_load_the_files() -> None:
    node = {"factory": "harness.models.loading.hf", "name": str(MODELS / "tiny")}
    with pytest.raises(
        InputError, match=r"the directory holds OpenAI's own files; set model=openai model\.path=.*tiny$"
    ):
        preflight(node)


def test_preflight_imports_no_torch() -> None:
    code = (
        "import sys\n"
        "from harness.models.loading import preflight\n"
        f"preflight({NODE!r})\n"
        "assert not {'torch', 'transformers', 'pandas', 'pyarrow', 'tensorflow'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_what_tensorflow_writes_here_and_now(tmp_path: Path, dtype: str) -> None:
    tf = pytest.importorskip("tensorflow", reason="compares with TensorFlow itself: pip install tensorflow")
    hparams = write.HPARAMS | {"n_layer": 3, "n_embd": 12, "n_head": 3}
    folder = tmp_path / "124M"
    write.save(tf, folder, {name: tf.cast(value, dtype).numpy() for name, value in write.gpt2(hparams).items()})
    write.tokenizer(folder)
    (folder / "hparams.json").write_text(json.dumps(hparams))
    tf.compat.v1.train.update_checkpoint_state(str(folder), str(folder / write.PREFIX))
    rounded = {name: tf.cast(tf.cast(v, dtype), "float32").numpy() for name, v in write.gpt2(hparams).items()}
    with torch.no_grad():
        expected = transformers_model(rounded, hparams)(torch.tensor([write.PROBE])).logits[0]
    model = load(NODE | {"path": str(tmp_path), "size": "124M", "packed": False, "device": "cpu"})
    np.testing.assert_allclose(logits(model), expected.numpy(), atol=1e-6, rtol=0)
