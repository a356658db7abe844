"""How many rows fit, and whether an error means that too many were tried."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import psutil
import torch

from harness.allocator import give_back
from harness.models.base import LanguageModel

T = TypeVar("T")

MOST = {"cpu": 512, "cuda": 2048}
"""More rows at once are not tried: on two cores a GPT-2-sized network extends 267, 442 and 517 rows a second at 32, 128
and 256 rows, so there is little left to gain. The bound for CUDA is a guess; no such device has been measured."""

SHARE = 0.5
"""Of the free memory: a cache that grows needs room to be copied, layer by layer, and others use the machine too."""

sharers = 1
"""How many processes decode in the same memory; each takes its part of what is free (`harness.cluster.worker`)."""

CGROUP = Path("/sys/fs/cgroup")

SLACK = 32
"""Columns that a cache makes room for beyond those in use. Attention runs over them, too."""

LOGITS = 24
"""Bytes for each logit of a row: in float32 from the model, and what the sampler makes of them, partly in float64."""


def rows_that_fit(model: LanguageModel, columns: int, companions: Iterable[LanguageModel] = ()) -> int:
    """How many rows of at most `columns` tokens the free memory holds; at least 1, and no more than pay.

    Args:
        model: that reads every row.
        columns: of the longest text.
        companions: that read rows of some strategies too; counted as if it were all rows.
    """
    row = sum((columns + SLACK) * each.token_bytes + each.vocab * LOGITS for each in (model, *companions))
    return max(1, min(MOST.get(model.device.type, MOST["cuda"]), int(SHARE * free(model.device)) // sharers // row))


def free(device: torch.device) -> int:
    """Bytes of memory that can be had on a device now."""
    if device.type == "cuda":
        reserved = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + reserved
    give_back()
    return min([int(psutil.virtual_memory().available), *_left_to_container()])


def _left_to_container() -> list[int]:
    """Bytes that the limit of a container (cgroup version 2) leaves this process, where there is such a limit."""
    try:
        limit, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        counts = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # no such files, or the limit is "max"
        return []
    files = int(counts.get("active_file", 0)) + int(counts.get("inactive_file", 0))  # given up when memory is asked for
    return [max(0, limit - used + files)]


def out_of_memory(error: BaseException) -> bool:
    """Whether torch, on any device, or Python could not get memory."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def release(device: torch.device) -> None:
    """Give back what nothing refers to any more."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    else:
        give_back()


def in_halves(batch: Sequence[int], run: Callable[[Sequence[int]], T]) -> Iterator[tuple[Sequence[int], T]]:
    """Run a batch, in halves where memory does not suffice for all of it; yields each part with what came of it.

    Raises:
        RuntimeError, MemoryError: of `run`, if it does not suffice for one, or for another reason.
    """
    try:
        result = run(batch)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error) or len(batch) == 1:
            raise
    else:
        yield batch, result
        return
    for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
        yield from in_halves(half, run)
