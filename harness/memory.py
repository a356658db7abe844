"""How many rows fit, and whether an error means that too many were tried."""

from __future__ import annotations

import gc

import psutil
import torch

from harness.models.base import LanguageModel

MOST = {"cpu": 512, "cuda": 2048}
"""More rows at once than this do not pay: a GPT-2-sized model extends 267, 442 and 517 rows a second at 32, 128 and 256
rows on two cores, and gains a few percent beyond 512."""

SHARE = 0.5
"""Of the free memory: a cache that grows needs room to be copied, layer by layer, and others use the machine too."""

LOGITS = 24
"""Bytes for each logit of a row: in float32 from the model, and what the sampler makes of them, partly in float64."""


def rows_that_fit(model: LanguageModel, columns: int) -> int:
    """How many rows of at most `columns` tokens the free memory holds; at least 1, and no more than pay."""
    row = columns * model.token_bytes + model.vocab * LOGITS
    return max(1, min(MOST.get(model.device.type, MOST["cuda"]), int(SHARE * free(model.device)) // row))


def free(device: torch.device) -> int:
    """Bytes of memory that can be had on a device now."""
    if device.type == "cuda":
        reserved = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + reserved
    return int(psutil.virtual_memory().available)


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
