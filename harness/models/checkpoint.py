"""Read a model's directory into memory: device, dtype, transformers' loader, and what it does not check itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.errors import InputError
from harness.models import directory
from harness.models.attention import install
from harness.models.base import LanguageModel
from harness.models.huggingface import HuggingFaceModel
from harness.models.packed import pack, packable

_HERE = {"local_files_only": True, "trust_remote_code": False}


def from_directory(
    path: Path,
    *,
    name: str,
    shown: str,
    device: str = "auto",
    dtype: str = "auto",
    device_map: Any = None,
    packed: bool = True,
    backend: str = "torch",
) -> LanguageModel:
    """Load a checked directory (`harness.models.directory.check`).

    Args:
        path: the directory.
        name: what a table will call the model.
        shown: what a message calls it: "model.name='./llama'".
        device: auto, cpu, mps, cuda, cuda:1.
        dtype: auto, float32, float64, bfloat16, float16.
        device_map: as accelerate reads it.
        packed: whether `harness.models.packed.pack` may arrange the weights for speed.
        backend: torch, or numpy, which runs GPT-2 alone and reads no more than path, name, shown and dtype.

    Raises:
        InputError: there is no such device, it cannot hold the dtype, or the backend cannot make the model.
    """
    if backend == "numpy":
        from harness.models import numpy_model

        return numpy_model.from_directory(path, _tokenizer(path, shown), name=name, shown=shown, dtype=dtype)
    target = _device(device, dtype)
    tokenizer = _tokenizer(path, shown)
    from transformers import AutoModelForCausalLM

    network = _network(
        AutoModelForCausalLM, path, shown, target, dtype, device_map=device_map, use_safetensors=True, **_HERE
    )
    return _model(network, tokenizer, name=name, fingerprint=directory.fingerprint(path), packed=packed)


def from_weights(
    architecture: Any,
    config: Any,
    weights: Mapping[str, Tensor],
    tokenizer: Any,
    *,
    name: str,
    shown: str,
    fingerprint: str,
    device: str = "auto",
    dtype: str = "auto",
    packed: bool = True,
) -> HuggingFaceModel:
    """The same of weights that were read from elsewhere; they may be used up.

    Args:
        architecture: a class of transformers.
        config: its configuration.
        weights: all of its weights, by its names.
        tokenizer: the model's.
        name: as in `from_directory`.
        shown: as there.
        fingerprint: what fixes the weights.
        device: as there.
        dtype: as there.
        packed: as there.

    Raises:
        InputError: as there.
    """
    target = _device(device, dtype)
    network = _network(architecture, None, shown, target, dtype, config=config, state_dict=weights)
    return _model(network, tokenizer, name=name, fingerprint=fingerprint, packed=packed)


def _network(architecture: Any, path: Path | None, shown: str, target: torch.device, dtype: str, **how: Any) -> Any:
    """The network by transformers' loader, with the arguments `how`, on its device."""
    kind: Any = "auto" if dtype == "auto" and target.type != "cpu" else _dtype(dtype)
    with _quiet():
        try:
            network, report = architecture.from_pretrained(
                path,
                **how,
                dtype=kind,
                ignore_mismatched_sizes=True,  # they are reported below, by name
                output_loading_info=True,
            )
            network = network.eval() if how.get("device_map") is not None else network.eval().to(target)
        except Exception as error:  # broken files, unknown architectures, too little memory: all the library's own
            raise InputError(f"{shown}: the model cannot be loaded ({_reason(error)})") from error
    if report["mismatched_keys"]:
        weight, found, expected = sorted(report["mismatched_keys"])[0]
        raise InputError(f"{shown}: {weight} has shape {list(found)}, config.json makes it {list(expected)}")
    if report["missing_keys"]:
        missing = sorted(report["missing_keys"])
        raise InputError(f"{shown}: {len(missing)} weights are missing from the safetensors, the first is {missing[0]}")
    return network


def _model(network: Any, tokenizer: Any, *, name: str, fingerprint: str, packed: bool) -> HuggingFaceModel:
    packed = packed and packable(network)
    if packed:
        pack(network)
        install(network)
    return HuggingFaceModel(network, tokenizer, name=name, fingerprint=fingerprint, packed=packed)


def _tokenizer(path: Path, shown: str) -> Any:
    from transformers import AutoTokenizer

    with _quiet():
        try:
            return AutoTokenizer.from_pretrained(path, **_HERE)
        except Exception as error:  # whatever a tokenizer's files can be broken by
            raise InputError(f"{shown}: the tokenizer cannot be loaded ({_reason(error)})") from error


def _device(device: str, dtype: str) -> torch.device:
    """Where the network goes; InputError where there is no such device, or it cannot hold the dtype."""
    target = _there(device)
    if dtype == "float64" and target.type == "mps":
        raise InputError(f"model.dtype={dtype}: {target} has no float64; set model.device=cpu")
    return target


def _there(device: str) -> torch.device:
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if device == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    target = torch.device(device)
    there = {"cpu": True, "cuda": cuda and (target.index or 0) < torch.cuda.device_count(), "mps": mps}
    if not there[target.type]:
        names = [f"cuda:{i}" for i in range(torch.cuda.device_count())] + ["mps"] * mps + ["cpu"]
        raise InputError(f"model.device={device!r}: torch sees no such device here, only {', '.join(names)}")
    return target


def _dtype(dtype: str) -> torch.dtype:
    found: torch.dtype = getattr(torch, "float32" if dtype == "auto" else dtype)
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bars, warnings and loading report."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
