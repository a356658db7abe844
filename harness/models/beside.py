"""Another model beside the one that decodes: loaded once, in the same manner, if both write the same tokens."""

from __future__ import annotations

import json
from typing import Any

from harness.configs import option, options
from harness.errors import InputError, did_you_mean
from harness.models.base import LanguageModel
from harness.models.loading import load, preflight

_loaded: dict[str, LanguageModel] = {}
_agree: set[tuple[str, str]] = set()  # nodes and fingerprints of models whose vocabularies were compared


def check_beside(name: str, key: str) -> None:
    """Find out, before anything slow, whether a model can be had.

    Args:
        name: of a yaml in `conf/model`; or a model's directory, or its id on the hub.
        key: of the knob that names it, for messages: "strategy.amateur".

    Raises:
        InputError: there is no such model, it is not whole, or the hub cannot be reached.
    """
    names = options("model")
    try:
        preflight(_node(name))
    except InputError as error:
        other = "" if name in names else f"; it is no model of conf/model, where there are: {did_you_mean(name, names)}"
        raise InputError(f"{key}={name!r}: {error}{other}") from None


def beside(name: str, model: LanguageModel, key: str) -> LanguageModel:
    """The model of that name, with the dtype, device, weights' arrangement and backend of `model`; loaded once.

    Args:
        name: as in `check_beside`.
        model: that decodes.
        key: as in `check_beside`.

    Raises:
        InputError: it cannot be loaded so; or its tokens, special ones included, are not those of `model`.
    """
    network = getattr(model, "network", model)  # on mps the model's rows are elsewhere
    device = network.device.type if network.device.type == "mps" else str(network.device)
    manner = {
        "dtype": str(model.dtype).removeprefix("torch."),
        "device": device,
        "packed": getattr(model, "packed", False),
        "backend": getattr(model, "backend", "torch"),
    }
    node = _node(name)
    node |= {knob: value for knob, value in manner.items() if knob in node}
    found = json.dumps(node, sort_keys=True)
    if found not in _loaded:
        try:
            _loaded[found] = load(node)
        except InputError as error:
            raise InputError(f"{key}={name!r}: {error}") from None
    other = _loaded[found]
    if (found, model.fingerprint) not in _agree:
        _compare(other, model, f"{key}={name!r}")
        _agree.add((found, model.fingerprint))
    return other


def _node(name: str) -> dict[str, Any]:
    return option("model", name) if name in options("model") else option("model", "hf") | {"name": name}


def _compare(other: LanguageModel, model: LanguageModel, shown: str) -> None:
    """Raise InputError, with the first difference, unless both have the same tokens under the same ids."""
    ours, theirs = model.vocabulary(), other.vocabulary()
    differ = [token for token in ours.keys() | theirs.keys() if ours.get(token) != theirs.get(token)]
    if differ:
        token = min(differ, key=lambda t: (ours.get(t, len(ours)), t))
        raise InputError(
            f"{shown}: has another vocabulary than {model.name}: {len(differ)} tokens differ, the first is {token!r}, "
            f"{_place(ours.get(token), model)} and {_place(theirs.get(token), other)}; both have to share a tokenizer"
        )


def _place(token: int | None, model: LanguageModel) -> str:
    return f"not there in {model.name}" if token is None else f"{token} in {model.name}"
