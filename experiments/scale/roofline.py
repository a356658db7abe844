"""How long a step of decoding takes, and how many rows fit: a roofline (Williams et al., 2009), and what is around it.

A step moves the weights once and the cache of every row, and multiplies every row by the weights. It takes the longer
of the two, and a time that depends on neither: what a step, a layer, a group, a row and a logit cost the processor. (A
group is the rows of one strategy that started together: `harness.group`.)
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.scale.shapes import Shape
from harness.memory import LOGITS, MOST, SHARE, SLACK


@dataclass(frozen=True)
class Around:
    """What a step costs beside its matrix products, in seconds."""

    step: float
    layer: float
    group: float
    row: float
    logit: float  # of one row: temperature, truncation, draw, entropy

    def seconds(self, shape: Shape, rows: int, groups: int = 1) -> float:
        """Of one step of so many rows."""
        each = self.row + self.logit * shape.vocab
        return self.step + self.layer * shape.layers + self.group * groups + rows * each


@dataclass(frozen=True)
class Device:
    """What decodes."""

    name: str
    bandwidth: float  # bytes a second
    flops: float  # a second, of dense matrix products
    size: int  # bytes of a number
    memory: float = 0.0  # bytes

    def step(self, shape: Shape, rows: int, columns: float) -> float:
        """Seconds of one step's products: the longer of moving weights and cache, and of multiplying."""
        moved = shape.multiplied * self.size + rows * columns * shape.token_bytes(self.size)
        return max(moved / self.bandwidth, rows * shape.flops(columns) / self.flops)

    def rows(self, shape: Shape, columns: int) -> int:
        """How many rows of at most so many columns `harness.memory.rows_that_fit` takes, with the weights loaded."""
        free = self.memory - shape.parameters * self.size
        row = (columns + SLACK) * shape.token_bytes(self.size) + shape.vocab * LOGITS
        return max(0, min(MOST["cuda"], int(SHARE * free / row)))


GPUS = (
    Device("H100 SXM, 80 GB", bandwidth=3.35e12, flops=989e12, size=2, memory=80e9),
    Device("A100 SXM, 80 GB", bandwidth=2.04e12, flops=312e12, size=2, memory=80e9),
)
"""As their maker publishes them, in bfloat16 without sparsity. Nobody has measured this harness on either."""
