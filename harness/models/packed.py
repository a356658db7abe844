"""Weights laid out once for oneDNN's matrix kernels: the same linear layers, faster on an x86 CPU.

`torch.nn.functional.linear` has the weight rearranged in every call, for MKL in float32 or oneDNN in bfloat16. oneDNN
takes a weight that is already arranged. torch's public way to it (`torch.utils.mkldnn`) converts every input and
output: measured, it gains half as much in float32 and loses a factor of two in bfloat16. So this uses the operators
behind `torch.compile`'s CPU backend. They are private; a layer is packed only after it was compared with the plain one.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear

SMALLEST = {torch.float32: 2**17, torch.bfloat16: 2**12}
"""Weights of a matrix that is worth packing. Measured on two cores (Zen 4) against the plain layer, 1, 4, 32, 256 rows:
float32 256×256: 0.8, 1.0, 1.1, 1.1 times as fast; 384×384: 0.9, 1.2, 1.1, 1.1; 256×4096: 1.2, 2.0, 1.3, 1.2;
bfloat16 64×64: 0.7, 1.4, 1.4, 1.3; 128×128: 1.4, 1.5, 1.4, 1.2; 256×4096: 1.6, 1.7, 1.2, 1.1."""

ROWS = 256
"""The rows that a weight is arranged for; it serves any number. Arranged for 32 or 256, the kernels are as fast as with
the right number at 1 to 2048 rows; arranged for 1 row, they take up to twice as long at 2 to 16."""

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}
"""Largest difference from the plain layer's output, relative to the largest output without the bias."""


class Packed(nn.Module):
    """What a linear layer becomes, for inference alone; its other attributes stay.

    In float32 a row's output has the same bits whatever the other rows, and however many (measured, not promised).
    """

    weight: Tensor  # [out, in], opaque, but it knows its shape, dtype and device
    bias: Tensor | None

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] -> [..., out]."""
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return y


class FusedGELU(nn.Module):
    """GELU by tanh in one pass; GPT-2's own takes eight."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return gelu(x, approximate="tanh")


def packable(network: Any) -> bool:
    """Whether a network is in float32 or bfloat16 on an x86 CPU."""
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    return x86 and network.device.type == "cpu" and network.dtype in SMALLEST


@torch.no_grad()
def pack(network: Any) -> None:
    """Make the linear layers of a network, in place, such as run faster; and GPT-2's GELU.

    Of a network in float32 or bfloat16 on an x86 CPU; any other is left as it is, and so is a layer that is too small,
    that is spread over devices, or whose packed form does not give what the plain one gives. A float32 output changes
    by about 1e-6 of its size, a bfloat16 one by a rounding. The plain weights are dropped, but for an embedding that
    the head shares. Afterwards the network can neither be trained, moved nor saved.
    """
    from transformers.activations import NewGELUActivation

    if not packable(network):
        return
    undo: list[Callable[[], None]] = []
    for layer in list(network.modules()):
        if type(layer) is NewGELUActivation:
            layer.__class__ = FusedGELU
        elif back := _pack(layer):
            undo.append(back)
    try:
        network(input_ids=torch.zeros(1, 1, dtype=torch.long))
        network(input_ids=torch.zeros(2, 3, dtype=torch.long))  # more tokens may take another way through it
    except Exception:  # whatever a network can do with the weights of its layers beside calling them: Mamba does
        for back in undo:
            back()


def _pack(layer: Any) -> Callable[[], None] | None:
    """Pack a layer, and give what unpacks it; None if it has no packed form that is worth it and right."""
    from transformers.pytorch_utils import Conv1D

    kind = type(layer)
    if kind not in (nn.Linear, Conv1D) or hasattr(layer, "_hf_hook"):  # the hook is accelerate's, of a device map
        return None
    plain = layer.weight
    if plain.device.type != "cpu" or plain.dtype not in SMALLEST or plain.numel() < SMALLEST[plain.dtype]:
        return None
    weight = plain.detach() if kind is nn.Linear else plain.detach().t().contiguous()
    x = torch.randn(3, weight.shape[1], generator=torch.Generator().manual_seed(0)).to(weight.dtype)
    expected = layer(x)

    def unpack() -> None:
        dense = layer.weight.to_dense()
        layer.__class__, layer.weight = kind, nn.Parameter(dense if kind is nn.Linear else dense.t().contiguous())

    try:
        packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), ROWS)
        layer.__class__, layer.weight = Packed, nn.Parameter(packed, requires_grad=False)
        difference = (layer(x) - expected).abs().max()
    except (AttributeError, RuntimeError, TypeError):  # no such operator in this torch, or not of this dtype or kind
        difference = torch.tensor(torch.nan)
    if difference <= TOLERANCE[weight.dtype] * linear(x, weight).abs().max():
        return unpack
    layer.__class__, layer.weight = kind, plain  # also where an output is not a number
    return None
