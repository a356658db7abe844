"""What is recorded of every token: the columns of `harness.strategies.base.VALUES`."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.strategies.base import VALUES


def entropy(logprobs: Tensor) -> Tensor:
    """[..., vocab] log-probabilities -> [...] entropy in nats, with 0 log 0 = 0."""
    return -(logprobs.exp() * logprobs.clamp(min=torch.finfo(logprobs.dtype).min)).sum(-1)


def token_values(
    logits: Tensor, tokens: Tensor, strategy_logprob: Tensor | None = None, kept: Tensor | None = None
) -> Tensor:
    """The values of one token per row.

    Args:
        logits: [n, vocab] the model's own logits.
        tokens: [n] int64.
        strategy_logprob: [n] under the strategy's distribution; None: a search, recorded as NaN.
        kept: [n] how many tokens that distribution left possible; None: a search, recorded as NaN.

    Returns:
        [n, len(VALUES)] float32.
    """
    logprobs = logits.log_softmax(-1)
    at = tokens[:, None]
    out = torch.full((len(tokens), len(VALUES)), torch.nan, dtype=torch.float32, device=logits.device)
    out[:, 0] = logprobs.gather(1, at)[:, 0]
    out[:, 2] = entropy(logprobs)
    out[:, 4] = (logits > logits.gather(1, at)).sum(-1)
    if strategy_logprob is not None:
        out[:, 1] = strategy_logprob
    if kept is not None:
        out[:, 3] = kept
    return out
