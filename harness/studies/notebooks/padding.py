"""Prompts of different lengths in one batch: padded on the left and masked; and what happens without the mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.models.base import LanguageModel
from harness.studies.notebooks.causality import allowed

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Batch:
    """Prompts as rows of equal length; their last tokens are in the last column, where the next ones come."""

    tokens: list[list[int]]
    mask: list[list[int]]  # 1: a token; 0: padding, to be looked at by nobody
    positions: list[list[int]]  # a prompt's own, from 0; of padding 0


def left_padded(prompts: Sequence[Sequence[int]], pad: int) -> Batch:
    """Fill the prompts up in front with a token that is no part of them; GPT-2 has no other than its end of text."""
    longest = max(map(len, prompts))
    gaps = [longest - len(prompt) for prompt in prompts]
    return Batch(
        [[pad] * gap + list(prompt) for gap, prompt in zip(gaps, prompts, strict=True)],
        [[0] * gap + [1] * (longest - gap) for gap in gaps],
        [[0] * gap + list(range(longest - gap)) for gap in gaps],
    )


@dataclass(frozen=True, eq=False)
class Padding:
    """The next token of every prompt: by itself, in a padded batch, and after padding that was read as text."""

    masked: Floats  # [prompts] largest |difference| of logits: in the batch, the padding masked, against alone
    unmasked: Floats  # [prompts] the padding read as text, against alone
    alone: list[int]  # the likeliest token of each
    in_batch: list[int]
    as_text: list[int]
    allowed: float  # what rounding may make of `masked`


def padding(model: LanguageModel, prompts: Sequence[Sequence[int]], pad: int) -> Padding:
    """Ask for the next token of every prompt in three ways.

    Args:
        model: any; its `prefill` pads on the left and masks.
        prompts: token ids, of different lengths.
        pad: the token that stands where the mask is 0.
    """
    alone = torch.cat([model.prefill([prompt])[0].logits for prompt in prompts]).double().cpu()
    together = model.prefill(prompts)[0].logits.double().cpu()
    rows = left_padded(prompts, pad).tokens
    read = torch.as_tensor(model.forward(rows, [range(len(row) - 1, len(row)) for row in rows])[0]).double().cpu()
    return Padding(
        masked=_largest(together - alone),
        unmasked=_largest(read - alone),
        alone=alone.argmax(-1).tolist(),
        in_batch=together.argmax(-1).tolist(),
        as_text=read.argmax(-1).tolist(),
        allowed=allowed(model, alone),
    )


def _largest(difference: Tensor) -> Floats:
    return np.asarray(difference.abs().amax(-1).numpy(), dtype=np.float64)
