"""The key of a generation: everything that fixes its tokens, and nothing else.

Two requests of one key have the same continuation, whatever sweep, process or machine they belong to. What others leave
out and mix up: the model's weights and dtype, the strategy with every knob as it was resolved, which of several samples
it is, the code that decoded.

Float sums depend on shapes, threads and processors in their last bits. `engine=fast` promises the same tokens up to
ties of that size, so none of these is part of its key; `engine=exact` promises bits, and there they are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from harness.cluster.base import Recipe
from harness.knobs import import_path
from harness.models.base import LanguageModel
from harness.requests import Request, companion_of
from harness.sources import digest, installed, owner
from harness.strategies.base import Strategy

_BESIDE = ("model", "context", "eos", "vocab")
"""The traits of a companion: dtype, device and backend are those of the model that it reads beside."""

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def traits(model: LanguageModel) -> dict[str, Any]:
    """What of a loaded model, and of the libraries and the processor that run it, can change a token; ready for JSON.

    The name of a model is no part of it, nor where its files lie.
    """
    network = getattr(model, "network", model)  # on mps the model's rows are elsewhere
    backend = getattr(model, "backend", "torch")
    libraries = ("torch", "transformers", *(("numpy",) if backend == "numpy" else ()))
    return {
        "model": model.fingerprint,
        "dtype": str(model.dtype).removeprefix("torch."),
        "device": network.device.type,
        "packed": bool(getattr(model, "packed", False)),
        "backend": backend,
        "context": model.context,
        "eos": sorted(model.eos),
        "vocab": model.vocab,
        **{name: metadata.version(name) for name in libraries},
        "bits": _bits(network.device),
    }


def _bits(device: Any) -> dict[str, Any]:
    """What the order of float sums depends on, beside shapes."""
    import torch

    if device.type == "cuda":
        return {"gpu": torch.cuda.get_device_name(device), "cuda": torch.version.cuda}
    return {"threads": torch.get_num_threads(), "cpu": torch.backends.cpu.get_cpu_capability()}


def keys(
    recipe: Recipe, node: Mapping[str, Any], model: LanguageModel, about: Mapping[str, Any], requests: Iterable[Request]
) -> dict[Request, bytes]:
    """The key of every request of one strategy, 32 bytes.

    The tokens of the prompt are in it, and so its tokenizer; the prompt's id is, by which draws are made. A strategy
    that draws nothing has one key under all seeds and samples.

    Args:
        recipe: the nodes of the model and the engine.
        node: that of the strategy.
        model: that the requests are for.
        about: its `traits`, where it decodes.
        requests: of the strategy, for this model.
    """
    base, found = "", {}
    for r in requests:
        base = base or _hash(facts(recipe, node, r.strategy, model, about)).hex()
        draws = [r.seed, r.sample] if r.strategy.stochastic else None
        found[r] = _hash([base, r.prompt.id, list(r.tokens), draws, r.max_new_tokens, r.limit(model.context)])
    return found


def facts(
    recipe: Recipe, node: Mapping[str, Any], strategy: Strategy[Any], model: LanguageModel, about: Mapping[str, Any]
) -> dict[str, Any]:
    """What the keys of all requests of a strategy have in common, ready for JSON; the arguments are those of `keys`."""
    beside = companion_of(strategy, model)
    texts = list(_texts(node))
    factories = [str(recipe.model["factory"]), str(recipe.engine["factory"])]
    paths = [*factories, *filter(_DOTTED.fullmatch, [*texts, *_texts(_knobs(recipe.model))])]
    ours = {name for path in paths if (name := owner(path))} | {type(strategy).__module__}
    packages = sorted({path.partition(".")[0] for path in paths} | installed(ours))
    return {
        "model": {name: value for name, value in about.items() if name != "bits"},
        "model knobs": _plain(_knobs(recipe.model)),
        **_engine(recipe.engine, about),
        "strategy": _plain(node),
        "companion": None if beside is None else {name: traits(beside.model)[name] for name in _BESIDE},
        "code": digest(ours),
        "installed": {name: version for name in packages if (version := _version(name))},
        "files": {text: _content(text) for text in texts if _is_file(text)},
    }


def joined(found: Iterable[bytes]) -> str:
    """One key for many, in their order, as hexadecimal digits."""
    total = hashlib.blake2b(digest_size=16)
    for key in found:
        total.update(key)
    return total.hexdigest()


def _plain(node: object) -> object:
    """The node with 1.0 as 1: yaml and the command line write a number either way."""
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return list(map(_plain, node))
    return int(node) if isinstance(node, float) and node.is_integer() else node


def _engine(node: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, Any]:
    """The engine's knobs but the neutral ones; and of one that has none, as it promises bits, what these depend on."""
    return {"engine": _plain(_knobs(node)), "bits": about["bits"] if promises_bits(node) else None}


def promises_bits(node: Mapping[str, Any]) -> bool:
    """Whether an engine's tokens are held to depend on threads and processors: it does not say that they do not."""
    return _neutral(node) is None


def _neutral(node: Mapping[str, Any]) -> Sequence[str] | None:
    """The knobs of a model or an engine that change no token; None: the factory does not say."""
    found: Sequence[str] | None = getattr(import_path(str(node["factory"]), "factory"), "neutral", None)
    return found


def _knobs(node: Mapping[str, Any]) -> dict[str, Any]:
    """A model's or an engine's node without its neutral knobs."""
    neutral = _neutral(node) or ()
    return {str(name): value for name, value in node.items() if name not in neutral}


def _texts(node: object) -> Iterator[str]:
    """Every text among the values of a node, at any depth."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for each in node.values():
            yield from _texts(each)
    elif isinstance(node, list | tuple):
        for each in node:
            yield from _texts(each)


@cache
def _packages() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def _version(package: str) -> str | None:
    """The version of the installed distributions that have a package; None for this one, whose code is hashed."""
    names = [] if package == "harness" else sorted(set(_packages().get(package, ())))
    return ",".join(f"{name}={metadata.version(name)}" for name in names) or None


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or with a null byte
        return False


def _content(text: str) -> str:
    with open(text, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _hash(value: object) -> bytes:
    return hashlib.blake2b(json.dumps(value, sort_keys=True, default=str).encode(), digest_size=32).digest()
