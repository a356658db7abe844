"""What a model would say after its lower layers: the final norm and the head on early states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from harness.errors import InputError
from harness.models.huggingface import HuggingFaceModel

Layers = Literal["low", "high"] | tuple[int, ...]


class EarlyLayers(HuggingFaceModel):
    """A reader of the same texts whose logits are [rows, layers, vocab]: those of each early layer's state.

    It shares the model's weights, keeps a cache of its own, and runs no layer above the highest that is asked for. So
    it costs, beside the model, that share of its layers, and a head for each layer asked for.

    Args:
        model: a decoder of transformers, with its blocks in one list and one norm after them.
        layers: 0 is what the first block reads, j the state after j blocks.

    Raises:
        InputError: the network is built in another way.
    """

    def __init__(self, model: HuggingFaceModel, layers: Sequence[int]) -> None:
        vars(self).update({k: v for k, v in vars(model).items() if k not in ("token_bytes", "_past_of_one")})
        self.layers = tuple(layers)
        self._whole, self._depth = model, max(1, *layers)
        name, blocks = blocks_of(model)
        self._norm = _norm_of(model, blocks[-1])
        self._blocks = blocks[: self._depth]
        self.network = _cut(model.network, name, self._blocks)

    @cached_property
    def _past_of_one(self) -> Any:
        """That of the model, of the layers that run."""
        return SimpleNamespace(layers=self._whole._past_of_one.layers[: self._depth])

    def _run(
        self, tokens: Tensor, place: Tensor, *, hidden: bool, wanted: tuple[Tensor, Tensor] | None = None, **inputs: Any
    ) -> tuple[Any, Tensor | None]:
        """One forward pass with the logits of the last position by each layer: [rows, 1, layers, vocab]."""
        if hidden:
            raise NotImplementedError("early layers give logits alone")
        states: dict[int, Tensor] = {}

        def enters(_module: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
            states[0] = (given[0] if given else named["hidden_states"])[:, -1]

        def leaves(layer: int) -> Callable[..., None]:
            def see(_module: Any, _inputs: Any, out: Any) -> None:
                states[layer] = _first(out)[:, -1]

            return see

        # What the decoder's hook returns goes on to the head, which treats each position by itself.
        def replace(_module: Any, _inputs: Any, out: Any) -> Any:
            early = torch.stack([self._norm(states[layer].to(out[0].device)) for layer in self.layers], 1)
            if isinstance(out, tuple):
                return (early, *out[1:])
            out[next(iter(out))] = early
            return out

        hooks = [self._blocks[0].register_forward_pre_hook(enters, with_kwargs=True)]
        hooks += [self._blocks[j - 1].register_forward_hook(leaves(j)) for j in self.layers if j > 0]
        hooks.append(self.network.get_decoder().register_forward_hook(replace))
        every = (tokens, tokens)  # asks for the logits of all that the head is given
        try:
            out, _ = super()._run(tokens, place, hidden=False, wanted=every, **inputs)
        finally:
            for hook in hooks:
                hook.remove()
        return SimpleNamespace(logits=out.logits[:, None]), None


def candidates(which: Layers, model: HuggingFaceModel) -> tuple[int, ...]:
    """The numbers of the layers that DoLa calls low or high: every second one of a half, of 20 in deep models.

    As transformers chooses them: where the head shares the embedding's weights, low begins with layer 2, as what is
    read off the embedding is the last token itself; and where that leaves none, with up to five layers, it is the one
    in the middle.

    Raises:
        InputError: the model has no such layer.
    """
    count = len(blocks_of(model)[1])
    if isinstance(which, tuple):
        if not which or min(which) < 0 or max(which) > count:
            raise InputError(f"strategy.layers={list(which)}: {model.name} has the layers 0 to {count}")
        return tuple(sorted(set(which)))
    tied = getattr(model.network.config.get_text_config(), "tie_word_embeddings", False)
    below, above = (count // 2, count // 2) if count <= 40 else (20, count - 20)
    found = range(2 if tied else 0, below, 2) if which == "low" else range(above, count, 2)
    return tuple(found) or (below,)


def blocks_of(model: HuggingFaceModel) -> tuple[str, list[nn.Module]]:
    """The decoder's blocks, and what the list of them is called.

    Raises:
        InputError: it has none, or several lists of that length.
    """
    network = model.network
    count = network.config.get_text_config().num_hidden_layers
    children = network.get_decoder().named_children()
    lists = [(name, list(child)) for name, child in children if isinstance(child, nn.ModuleList)]
    found = [(name, blocks) for name, blocks in lists if len(blocks) == count]
    if len(found) != 1:
        raise InputError(f"{model.name}: its layers cannot be told apart in {type(network).__name__}")
    return found[0]


@torch.no_grad()
def _norm_of(model: HuggingFaceModel, last: nn.Module) -> Callable[[Tensor], Tensor]:
    """What the decoder does to the last block's output: one of its modules, found by what it gives for one token."""
    network, seen = model.network, []
    decoder = network.get_decoder()
    hooks = [each.register_forward_hook(lambda _m, _i, out: seen.append(_first(out))) for each in (last, decoder)]
    try:
        network(input_ids=torch.zeros(1, 1, dtype=torch.long, device=network.device))
    finally:
        for hook in hooks:
            hook.remove()
    state, final = seen
    if torch.equal(state, final):
        return lambda states: states
    for child in decoder.children():
        weight = getattr(child, "weight", None)
        normalises = "norm" in type(child).__name__.lower() and (weight is None or weight.dim() == 1)
        if normalises and torch.allclose(child(state), final):
            norm: Callable[[Tensor], Tensor] = child
            return norm
    raise InputError(
        f"{model.name}: {type(network).__name__} has no one norm after its layers, which early layers need"
    )


def _cut(network: nn.Module, name: str, blocks: Sequence[nn.Module]) -> Any:
    """A network of the same modules whose decoder has only these blocks in the list of that name."""
    decoder = network.get_decoder()  # type: ignore[operator]
    path = next(path for path, module in network.named_modules() if module is decoder)
    twin: nn.Module = _twin(decoder, name, nn.ModuleList(blocks))
    while path:
        path, _, last = path.rpartition(".")
        twin = _twin(network.get_submodule(path), last, twin)
    return twin


def _twin(module: nn.Module, name: str, child: nn.Module) -> nn.Module:
    """A module that shares everything with another but one child."""
    twin = copy(module)
    twin._modules = {**module._modules, name: child}
    twin._forward_hooks = module._forward_hooks.copy()  # hooks on the one are not the other's
    return twin


def _first(out: Any) -> Tensor:
    found: Tensor = out if isinstance(out, Tensor) else out[0]
    return found
