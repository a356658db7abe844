"""GPT-2 from a model's directory: whether NumPy's network is that of its config.json, and the weights by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import InputError
from harness.models import directory
from harness.models.gpt2_numpy import GPT2, Array, Attention

_DEFAULTS: dict[str, Any] = {  # of transformers' GPT2Config, for what a config.json may leave out
    "vocab_size": 50257,
    "n_positions": 1024,
    "n_embd": 768,
    "n_layer": 12,
    "n_head": 12,
    "n_inner": None,
    "layer_norm_epsilon": 1e-5,
    "tie_word_embeddings": True,
}
_ONLY: dict[str, tuple[Any, ...]] = {  # what changes the network, and may have these values alone; the first: default
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),  # two names of one formula
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
}
_PREFIX = "transformer."  # before the names of weights that transformers has saved


def check(path: Path, shown: str) -> None:
    """Look, without reading any weights, whether a checked directory holds a GPT-2 that `harness.models.gpt2_numpy` is.

    Raises:
        InputError: its config.json describes another architecture, or a GPT-2 with another attention or activation.
    """
    config = _config(path)
    if config["model_type"] != "gpt2":
        raise InputError(
            f"model.backend='numpy': runs GPT-2 alone, but {shown} is a {config['model_type']}; set model.backend=torch"
        )
    for name, allowed in _ONLY.items():
        if config.get(name, allowed[0]) not in allowed:
            raise InputError(
                f"model.backend='numpy': config.json of {shown} has {name}={config[name]!r}, but the network is "
                f"written for {' or '.join(map(repr, allowed))}; set model.backend=torch"
            )
    width, heads = ((_DEFAULTS | config)[name] for name in ("n_embd", "n_head"))
    if width % heads:
        raise InputError(f"{shown}: config.json has n_embd={width}, which n_head={heads} does not divide")


def read(path: Path, shown: str, dtype: Any, attention: Attention | None = None) -> GPT2:
    """The network of a checked directory.

    Args:
        path: the directory.
        shown: what a message calls it.
        dtype: float32 or float64, of the network; the file's own may be smaller.
        attention: in the place of GPT-2's own.

    Raises:
        InputError: as `check`; a weight is missing, has another shape than config.json makes it, or is a bfloat16.
    """
    check(path, shown)
    config = _DEFAULTS | _config(path)
    expected = shapes(config)
    weights = _weights(path, shown, expected, dtype)
    if missing := sorted(expected.keys() - weights.keys()):
        raise InputError(f"{shown}: {len(missing)} weights are missing from the safetensors, the first is {missing[0]}")
    for name, shape in expected.items():
        if weights[name].shape != shape:
            found = list(weights[name].shape)
            raise InputError(f"{shown}: {name} has shape {found}, config.json makes it {list(shape)}")
    return GPT2(weights, config["n_head"], config["layer_norm_epsilon"], attention)


def _config(path: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((path / "config.json").read_text(encoding="utf-8"))
    return config


def shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every weight that the network has."""
    vocab, context, width = config["vocab_size"], config["n_positions"], config["n_embd"]
    wide = config["n_inner"] or 4 * width
    shapes = {"wte.weight": (vocab, width), "wpe.weight": (context, width), "ln_f.weight": (width,)}
    shapes["ln_f.bias"] = (width,)
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (vocab, width)
    products = {
        "attn.c_attn": (width, 3 * width),
        "attn.c_proj": (width, width),
        "mlp.c_fc": (width, wide),
        "mlp.c_proj": (wide, width),
    }
    for layer in range(config["n_layer"]):
        for name in ("ln_1", "ln_2"):
            shapes |= {f"h.{layer}.{name}.{part}": (width,) for part in ("weight", "bias")}
        for name, (rows, columns) in products.items():
            shapes |= {f"h.{layer}.{name}.weight": (rows, columns), f"h.{layer}.{name}.bias": (columns,)}
    return shapes


def _weights(path: Path, shown: str, wanted: Mapping[str, Any], dtype: Any) -> dict[str, Array]:
    """The weights that are wanted and there; the files also hold masks of old checkpoints, which are no weights."""
    from safetensors import safe_open

    weights: dict[str, Array] = {}
    for file in directory.weights(path, shown):
        with safe_open(file, framework="numpy") as tensors:
            for key in tensors.keys():  # noqa: SIM118 (it is no mapping)
                if (name := key.removeprefix(_PREFIX)) not in wanted:
                    continue
                try:
                    weights[name] = tensors.get_tensor(key).astype(dtype, copy=False)
                except TypeError:
                    kind = tensors.get_slice(key).get_dtype()
                    raise InputError(
                        f"model.backend='numpy': {key} of {shown} is stored as {kind}, which NumPy does not have; "
                        "set model.backend=torch"
                    ) from None
    return weights


def supported(dtype: str, device: str, device_map: object = None) -> None:
    """Raise InputError where the knobs ask for what NumPy does not have: a GPU, a half precision, several devices."""
    if device not in ("auto", "cpu"):
        raise InputError(f"model.device={device!r}: model.backend='numpy' runs on the CPU alone (allowed: auto, cpu)")
    if device_map is not None:
        raise InputError(f"model.device_map={device_map!r}: model.backend='numpy' runs on the CPU alone; leave it null")
    if dtype not in ("auto", "float32", "float64"):
        raise InputError(
            f"model.dtype={dtype!r}: model.backend='numpy' has no half precision (allowed: auto, float32, float64)"
        )


def dtype_of(dtype: str) -> Any:
    """NumPy's dtype of the knob: float32 unless it is float64."""
    return np.float64 if dtype == "float64" else np.float32
