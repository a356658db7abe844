"""A run whose network is on Apple's mps, simulated: tensors that lie on the CPU and say that they do not.

They refuse what such a device refuses: float64, and to meet a tensor of the CPU in one operation. Numbers of the real
thing differ by rounding; that it refuses nothing else is for somebody to see who has one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from transformers import AutoModelForCausalLM, AutoTokenizer

from harness import load_strategy
from harness.engine import Request, decode
from harness.models import checkpoint
from harness.models.huggingface import HuggingFaceModel
from harness.models.scoring import features, score_continuations
from harness.prompts import Prompt

MPS = torch.device("mps")


class Apart(Tensor):
    """A tensor that says it is on mps."""

    device = property(lambda self: MPS)

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in (Tensor.to, Tensor.cpu):
            return moved(args[0], func, args[1:], kwargs)
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if not all(isinstance(leaf, Apart) or leaf.dim() == 0 for leaf in given):
            raise RuntimeError(f"{func.__name__}: expected all tensors on mps, found one on the CPU")
        if torch.device(kwargs.get("device") or MPS) == MPS:
            kwargs.pop("device", None)
        return checked(super().__torch_function__(func, types, args, kwargs))  # type: ignore[no-untyped-call]


def checked(found: Any) -> Any:
    for leaf in tree_leaves(found):
        if isinstance(leaf, Apart) and leaf.dtype == torch.float64:
            raise TypeError("the MPS framework doesn't support float64")
    return found


def moved(tensor: Tensor, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    """`tensor.to(...)` or `.cpu()`, to and from the simulated device."""
    names = [a for a in (*args, *kwargs.values()) if isinstance(a, torch.device | str)]
    (target,) = [torch.device(a) for a in names] or [torch.device("cpu") if func == Tensor.cpu else tensor.device]
    dtypes = [a for a in (*args, *kwargs.values()) if isinstance(a, torch.dtype)]
    with torch._C.DisableTorchFunctionSubclass():
        plain = tensor.as_subclass(Tensor).to((*dtypes, tensor.dtype)[0])
        found: Tensor = checked(plain.as_subclass(Apart)) if target == MPS else plain
        return found


class Simulated(TorchFunctionMode):
    """What has no tensor argument to be told by: `torch.tensor(..., device=mps)`, and `to` from the CPU."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func == Tensor.to and MPS in [a for a in (*args, *kwargs.values()) if isinstance(a, torch.device)]:
            return moved(args[0], func, args[1:], kwargs)
        device = kwargs.get("device")
        if device is not None and torch.device(device) == MPS:
            found = func(*args, **{**kwargs, "device": None})
            return checked(found.as_subclass(Apart))
        return func(*args, **kwargs)


def apart(path: Path) -> HuggingFaceModel:
    """The model of a directory, with all its weights on the simulated device."""
    network = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
    for module in network.modules():
        for kept in (module._parameters, module._buffers):
            for name, tensor in kept.items():
                kept[name] = None if tensor is None else tensor.detach().as_subclass(Apart)
    return HuggingFaceModel(network, AutoTokenizer.from_pretrained(path), name="apart", fingerprint="")


@pytest.fixture
def models(tiny_gpt2_dir: Path) -> Iterator[tuple[HuggingFaceModel, HuggingFaceModel]]:
    """One model on the CPU, and on the simulated device."""
    plain = checkpoint.from_directory(tiny_gpt2_dir, name="plain", shown="", device="cpu", dtype="float32")
    assert isinstance(plain, HuggingFaceModel)
    with Simulated():
        yield plain, apart(tiny_gpt2_dir)


def test_the_simulation_refuses_what_mps_refuses() -> None:
    with Simulated():
        far = torch.ones(2, device=MPS)
        assert (far + far).device == MPS
        assert (far + 1).cpu().device == far.to("cpu").device == torch.device("cpu")
        with pytest.raises(TypeError, match="float64"):
            far.double()
        with pytest.raises(TypeError, match="float64"):
            torch.ones(2, dtype=torch.float64).to(MPS)
        with pytest.raises(RuntimeError, match="expected all tensors on mps"):
            far + torch.ones(2)
        with pytest.raises(RuntimeError, match="expected all tensors on mps"):
            torch.ones(2)[torch.zeros(1, dtype=torch.long, device=MPS)]


@pytest.mark.parametrize("name", ["greedy", "top_p", "beam", "beam_sample"])
def test_every_kind_of_strategy_gives_the_tokens_of_the_cpu(
    name: str, models: tuple[HuggingFaceModel, HuggingFaceModel]
) -> None:
    strategy = load_strategy(name)
    found = []
    for model in models:
        texts = ["the old fox", "a", "once upon a time there was"]
        requests = [Request(Prompt(text, text), tuple(model.encode(text)), strategy, 12) for text in texts]
        generations = {g.request.prompt.id: g for g in decode(model, requests)}
        found.append([generations[text] for text in texts])
    assert [g.tokens for g in found[0]] == [g.tokens for g in found[1]]
    for a, b in zip(*found, strict=True):
        # Logits near 10 come in float32 steps of 1e-6, several of which add up: a gap is a difference of two of them,
        # and a kept mass has as its relative error the absolute one of a logit.
        np.testing.assert_allclose(a.values, b.values, rtol=3e-5, atol=3e-5)


def test_scores_and_features_too(models: tuple[HuggingFaceModel, HuggingFaceModel]) -> None:
    plain, far = (score_continuations(model, [[9, 40], [5]], [[50, 60], [7, 8, 9]]) for model in models)
    for a, b in zip(plain, far, strict=True):
        np.testing.assert_allclose(a.logprob, b.logprob, rtol=1e-6)
        np.testing.assert_array_equal(a.rank, b.rank)
    near, away = (features(model, [[9, 40], [5, 6, 7]]) for model in models)
    np.testing.assert_allclose(near, away, rtol=1e-5, atol=1e-5)


def test_only_the_network_is_there(models: tuple[HuggingFaceModel, HuggingFaceModel]) -> None:
    model = models[1]
    assert model.network.device == MPS
    assert model.device == torch.device("cpu")
    output, cache = model.prefill([[1, 2], [3]], hidden=True)
    assert output.hidden is not None
    assert {type(t) for t in (output.logits, output.hidden, *model.forward([[1], [2]], [range(1)] * 2))} == {Tensor}
    assert {type(t) for t in (cache.lengths, cache.past.layers[0].keys)} == {Apart}
