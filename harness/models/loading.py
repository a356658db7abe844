"""The factory behind `model=hf` and `model=gpt2*`, and the checks that cost nothing. Imports no torch by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

from pydantic import Field

from harness.errors import InputError
from harness.knobs import build, checked, import_path, neutral, verify
from harness.models import directory, gpt2_files, hub
from harness.models.base import LanguageModel

Device = Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")]
Dtype = Literal["auto", "float32", "float64", "bfloat16", "float16"]
DeviceMap = str | dict[str, Any] | None
Backend = Literal["torch", "numpy"]

_REPO_ID = re.compile(r"(\w[\w.-]*/)?\w[\w.-]*")

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Found:
    """Where a model is, before anything of it is read."""

    name: str  # what a table calls it
    shown: str  # what a message calls it
    path: Path | None  # None: on the hub, to be downloaded


def preflight(node: Mapping[str, Any]) -> None:
    """Find out, before anything slow, whether a model node of the config can be built.

    Checks the keys and values, then runs the check that the factory is marked with (`preceded_by`). For a local
    directory or a model in the cache that takes milliseconds, for any other at most one short request to the hub.

    Args:
        node: `factory` and its keyword arguments, as in conf/model/*.yaml.

    Raises:
        InputError: what building the model would raise, as far as it shows without reading weights.
    """
    verify(node, "model")
    knobs = dict(node)
    precheck = getattr(import_path(knobs.pop("factory"), "model.factory"), "precheck", None)
    if precheck is not None:
        precheck(**knobs)


def load(node: Mapping[str, Any]) -> LanguageModel:
    """Build the model that a node of the config names.

    Raises:
        InputError: as `preflight`, or the files do not hold together.
    """
    model: LanguageModel = build(node, "model")
    return model


def preceded_by(precheck: Callable[P, object]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a model factory with a cheap check of the same arguments, which `preflight` runs."""

    def mark(factory: Callable[P, R]) -> Callable[P, R]:
        factory.precheck = precheck  # type: ignore[attr-defined]
        return factory

    return mark


def locate(
    name: str | None = None,
    revision: str | None = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    device_map: DeviceMap = None,
    packed: bool = True,
    backend: Backend = "torch",
) -> Found:
    """Where the model of these arguments of `hf` is: a directory, the cache, or the hub, which is asked briefly.

    Raises:
        InputError: there is no such model, it is not whole, the hub cannot be reached, or the backend cannot run it.
    """
    if not name or name == "???":
        raise InputError(
            "model.name is not set: model=hf needs model.name=ID, of a model on the hub, or model.name=DIR"
        )
    if device_map is not None and device != "auto":
        raise InputError(f"model.device={device!r}: cannot be set together with model.device_map={device_map!r}")
    if device_map is not None and find_spec("accelerate") is None:
        raise InputError(f"model.device_map={device_map!r}: needs accelerate; pip install accelerate")
    if backend == "numpy":
        gpt2_files.supported(dtype, device, device_map)
    found = _find(name, revision)
    if backend == "numpy" and found.path is not None:
        gpt2_files.check(found.path, found.shown)
    return found


def _find(name: str, revision: str | None) -> Found:
    shown = f"model.name={name!r}"
    path = directory.place(name, shown)
    if path.exists() or not _REPO_ID.fullmatch(name):
        if revision is not None:
            raise InputError(f"model.revision={revision!r}: {shown} is a local directory, which has no revisions")
        directory.check(path, shown)
        return Found(path.resolve().name, shown, path)
    title = name.rpartition("/")[2] + (f"@{revision}" if revision else "")
    if found := hub.cached(name, revision, shown):
        return Found(title, shown, found)
    hub.ask(name, revision, shown)
    return Found(title, shown, None)


@neutral("name", "revision", "device", "dtype", "device_map", "packed", "backend")
@preceded_by(locate)
@checked
def hf(
    name: str | None = None,
    revision: str | None = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    device_map: DeviceMap = None,
    packed: bool = True,
    backend: Backend = "torch",
) -> LanguageModel:
    """Any causal language model of transformers with safetensors weights; no code from the hub is run.

    Args:
        name: a local directory, or the id of a model on the hub. A directory of that name comes first, then the local
            cache, then the network.
        revision: branch, tag or commit on the hub; None is its default branch.
        device: auto is the first of cuda, mps, cpu that there is; or cpu, mps, cuda, cuda:1. With mps, which has no
            float64, the network runs there and the rest on the CPU; that has been simulated, not run.
        dtype: auto is float32 on the CPU and the checkpoint's own elsewhere.
        device_map: for models larger than one device, as accelerate reads it: "auto", "balanced", {module: device}.
        packed: arrange the weights for an x86 CPU's matrix kernels (`harness.models.packed`), and attend by two batched
            products (`harness.models.attention`): with GPT-2 1.2 to 2.2 times as fast. Logits move by their rounding:
            about 1e-6 in float32, 1e-2 in bfloat16. Nothing changes in other dtypes and on other devices. The network
            can then not be trained, moved or saved: set it to false for that.
        backend: what runs the network: torch, or numpy (`harness.models.gpt2_numpy`, which tells its speed): GPT-2
            alone, on the CPU, in float32 or float64. `packed` then changes nothing, auto is cpu and float32.

    Raises:
        InputError: the model cannot be found, reached, read, put on that device, or run by that backend.
    """
    found = locate(name, revision, device, dtype, device_map, packed, backend)
    path = found.path
    if path is None:
        path = hub.download(str(name), revision, found.shown)
        directory.check(path, found.shown)
    from harness.models.checkpoint import from_directory

    return from_directory(
        path,
        name=found.name,
        shown=found.shown,
        device=device,
        dtype=dtype,
        device_map=device_map,
        packed=packed,
        backend=backend,
    )
