"""Write, with TensorFlow, the checkpoints that tests read without it: python tests/data/tensorflow/write.py [FOLDER].

Beside each of them lies what TensorFlow's own reader finds in it (expected.npz). The values are hashes of names, so
that tests can have them without TensorFlow too: importing this file needs NumPy alone.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import lzma
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
PREFIX = "model.ckpt"
HPARAMS = {"n_vocab": 269, "n_ctx": 48, "n_embd": 8, "n_head": 2, "n_layer": 2}
MERGES = ("Ġ t", "h e", "i n", "Ġt he", "Ġ a", "e r", "o n", "Ġ s", "r e", "Ġa n", "Ġan d", "in g")
PROBE = (40, 256, 7, 259, 0, 268, 100, 12, 266)  # tokens whose logits TensorFlow works out

Values = Mapping[str, NDArray[Any]]


def bits(name: str, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """An array of any bits at all, NaNs among them; of a boolean array only the lowest."""
    kind = np.dtype("uint16" if dtype == "bfloat16" else dtype)
    octets = hashlib.shake_128(name.encode()).digest(int(np.prod(shape)) * kind.itemsize)
    raw = np.frombuffer(octets, np.uint8)
    return (raw % 2 == 1 if dtype == "bool" else raw.view(kind)).reshape(shape)


def uniform(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Numbers between -0.5 and 0.5, in float32 without rounding."""
    whole: NDArray[np.float32] = (bits(name, shape, "uint32") >> 8).astype(np.float32) / np.float32(2**24)
    return whole - np.float32(0.5)


def gpt2(hparams: Mapping[str, int] = HPARAMS) -> dict[str, NDArray[np.float32]]:
    """The variables of a small GPT-2 under the names and in the shapes of OpenAI's checkpoints."""
    width = hparams["n_embd"]
    shapes: dict[str, tuple[int, ...]] = {
        "model/wte": (hparams["n_vocab"], width),
        "model/wpe": (hparams["n_ctx"], width),
        "model/ln_f/g": (width,),
        "model/ln_f/b": (width,),
    }
    for layer in range(hparams["n_layer"]):
        for norm in ("ln_1", "ln_2"):
            shapes |= {f"model/h{layer}/{norm}/{each}": (width,) for each in "gb"}
        sizes = {"attn/c_attn": (1, 3), "attn/c_proj": (1, 1), "mlp/c_fc": (1, 4), "mlp/c_proj": (4, 1)}
        for matrix, (into, out) in sizes.items():
            shapes[f"model/h{layer}/{matrix}/w"] = (1, into * width, out * width)
            shapes[f"model/h{layer}/{matrix}/b"] = (out * width,)
    return {name: uniform(name, shape) * 2 + np.float32(name.endswith("/g")) for name, shape in shapes.items()}


def kinds() -> dict[str, tuple[str, tuple[int, ...]]]:
    """A variable of every dtype that is read, and of several shapes."""
    of_dtypes = ("float32", "float64", "int32", "uint8", "int16", "int8", "complex64", "int64", "bool", "bfloat16")
    dtypes = (*of_dtypes, "uint16", "complex128", "float16", "uint32", "uint64")
    found: dict[str, tuple[str, tuple[int, ...]]] = {f"dtype/{dtype}": (dtype, (3, 5)) for dtype in dtypes}
    shapes = {
        "scalar": (),
        "empty": (0,),
        "empty_rows": (4, 0, 2),
        "one": (1,),
        "deep": (1, 2, 1, 3, 1),
        "long": (61,),
    }
    for dtype in ("float32", "bfloat16", "int64"):
        found |= {f"shape/{dtype}/{name}": (dtype, shape) for name, shape in shapes.items()}
    return found


def many() -> list[str]:
    """Names so long that an index of them has several blocks of 256 KiB, without and with long common beginnings."""
    apart = [f"{i:03d}" + "/abcdefghi" * 250 for i in range(300)]
    alike = [f"x{'/klmnopqrs' * 20}/{i:03d}" for i in range(300)]
    return apart + alike


def main(folder: Path = HERE) -> None:
    """Write all of them."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    tf: Any = importlib.import_module("tensorflow")
    bfloat16: Any = importlib.import_module("ml_dtypes").bfloat16

    every: dict[str, NDArray[Any]] = {}
    for name, (dtype, shape) in kinds().items():
        every[name] = bits(name, shape, dtype).view(bfloat16) if dtype == "bfloat16" else bits(name, shape, dtype)
    save(tf, folder / "kinds", every | {"text": np.array(b"a string", object)})
    save(tf, folder / "shards", {f"v{i}": bits(f"v{i}", (i, 3), "float32") for i in range(10)}, devices=3)
    save(tf, folder / "partitioned", {"whole": uniform("whole", (2,)), "parts": uniform("parts", (5, 4))}, parts=2)
    save(tf, folder / "many", {name: np.array(i % 5, np.int8) for i, name in enumerate(many())})
    index = folder / "many" / f"{PREFIX}.index"
    index.with_name(f"{index.name}.xz").write_bytes(lzma.compress(index.read_bytes(), preset=9))
    index.unlink()  # too long to be kept
    save(tf, folder / "integers", {name: np.zeros(value.shape, np.int8) for name, value in gpt2().items()})
    save(tf, folder / "gpt2" / "tiny", gpt2())
    np.savez(folder / "gpt2" / "expected.npz", logits=logits(tf, gpt2(), HPARAMS, PROBE))
    for name in ("many", "integers", "gpt2/tiny"):
        (folder / name / "expected.npz").unlink()  # the values are known without
    tf.compat.v1.train.update_checkpoint_state(str(folder / "gpt2" / "tiny"), PREFIX)
    tokenizer(folder / "gpt2" / "tiny")


def save(tf: Any, folder: Path, values: Values, devices: int = 1, parts: int = 1) -> None:
    """Save variables as a session of TensorFlow 1 does, and what TensorFlow reads back.

    Args:
        tf: the module.
        folder: where to; it is made.
        values: of each variable.
        devices: over how many CPUs to spread the variables; a checkpoint has a file of data for each.
        parts: into how many a variable called "parts" is partitioned.
    """
    v1 = tf.compat.v1
    folder.mkdir(parents=True, exist_ok=True)
    with tf.Graph().as_default(), v1.Session(config=v1.ConfigProto(device_count={"CPU": devices})) as session:
        for i, (name, value) in enumerate(values.items()):
            cut = v1.fixed_size_partitioner(parts) if name == "parts" else None
            with tf.device(f"/cpu:{i % devices}"):
                v1.get_variable(name, initializer=tf.constant(value), partitioner=cut)
        session.run(v1.global_variables_initializer())
        saver = v1.train.Saver(sharded=devices > 1)
        saver.save(session, str(folder / PREFIX), write_meta_graph=False, write_state=False)
    reader = tf.train.load_checkpoint(str(folder / PREFIX))
    found = {name: np.asarray(reader.get_tensor(name)) for name in values if name != "text"}
    for name, value in found.items():
        if value.dtype.name == "bfloat16":  # which NumPy cannot save, and float32 holds
            found[name] = (value.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    arrays: dict[str, Any] = {name.replace("/", "."): value for name, value in found.items()}
    np.savez_compressed(folder / "expected.npz", **arrays)


def logits(tf: Any, values: Values, hparams: Mapping[str, int], tokens: tuple[int, ...]) -> NDArray[np.float64]:
    """GPT-2's logits [time, vocab] after each of the tokens, by TensorFlow in float64 (Radford et al., 2019)."""
    v = {name.removeprefix("model/"): tf.constant(value, tf.float64) for name, value in values.items()}
    time, heads = len(tokens), hparams["n_head"]
    size = hparams["n_embd"] // heads

    def norm(x: Any, name: str) -> Any:
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        return (x - mean) / tf.sqrt(variance + 1e-5) * v[f"{name}/g"] + v[f"{name}/b"]

    def linear(x: Any, name: str) -> Any:
        return tf.nn.conv1d(x[None], v[f"{name}/w"], 1, "VALID")[0] + v[f"{name}/b"]

    x = tf.gather(v["wte"], tokens) + v["wpe"][:time]
    for layer in (f"h{i}" for i in range(hparams["n_layer"])):
        q, k, y = (
            tf.transpose(tf.reshape(part, [time, heads, size]), [1, 0, 2])
            for part in tf.split(linear(norm(x, f"{layer}/ln_1"), f"{layer}/attn/c_attn"), 3, -1)
        )
        scores = tf.matmul(q, k, transpose_b=True) / size**0.5
        seen = tf.linalg.band_part(tf.ones([time, time], tf.bool), -1, 0)
        weights = tf.nn.softmax(tf.where(seen, scores, tf.constant(-np.inf, tf.float64)))
        y = tf.reshape(tf.transpose(tf.matmul(weights, y), [1, 0, 2]), [time, heads * size])
        x += linear(y, f"{layer}/attn/c_proj")
        y = linear(norm(x, f"{layer}/ln_2"), f"{layer}/mlp/c_fc")
        y = y / 2 * (1 + tf.tanh(np.sqrt(2 / np.pi) * (y + 0.044715 * y**3)))  # tf.nn.gelu has float32's 0.044715
        x += linear(y, f"{layer}/mlp/c_proj")
    found: NDArray[np.float64] = tf.matmul(norm(x, "ln_f"), v["wte"], transpose_b=True).numpy()
    return found


def tokenizer(folder: Path) -> None:
    """hparams.json, and a small byte-level BPE in OpenAI's two files, in the order of GPT-2's tokens."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    symbols = [*map(chr, printable), *(chr(0x100 + i) for i in range(256 - len(printable)))]
    tokens = [*symbols, *(merge.replace(" ", "") for merge in MERGES), "<|endoftext|>"]
    assert len(tokens) == HPARAMS["n_vocab"]
    (folder / "hparams.json").write_text(json.dumps(HPARAMS, indent=2) + "\n", encoding="utf-8")
    (folder / "encoder.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}), encoding="utf-8")
    (folder / "vocab.bpe").write_text("\n".join(["#version: 0.2", *MERGES, ""]), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
