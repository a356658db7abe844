"""The perplexity of a long text as transformers' documentation works it out, and a text."""

from __future__ import annotations

import math
from typing import Any

import torch

STORY = "the old fox said to the young crow that the cheese was good and the crow said that it was not for the fox"


@torch.no_grad()
def documented(network: Any, tokens: torch.Tensor, window: int, stride: int) -> float:
    """The computation that transformers' documentation gives for perplexities of long texts."""
    total, count, reached = 0.0, 0, 0
    for begin in range(0, tokens.shape[1], stride):
        end = min(begin + window, tokens.shape[1])
        labels = tokens[:, begin:end].clone()
        labels[:, : -(end - reached)] = -100
        counted = int((labels != -100).sum()) - 1
        loss = network(tokens[:, begin:end], labels=labels).loss
        total, count, reached = total + float(loss) * counted, count + counted, end
        if end == tokens.shape[1]:
            break
    return math.exp(total / count)
