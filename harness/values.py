"""What is recorded of every token: the columns of `harness.strategies.base.VALUES`."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.nodes import Nodes
from harness.strategies.base import VALUES


def token_values(
    nodes: Nodes, node: Tensor, tokens: Tensor, strategy_logprob: Tensor | None = None, kept: Tensor | None = None
) -> Tensor:
    """The values of one token per row.

    Args:
        nodes: the model's own logits.
        node: [rows] which of them each row has.
        tokens: [rows] int64.
        strategy_logprob: [rows] under the strategy's distribution; None: a search, recorded as NaN.
        kept: [rows] how many tokens that distribution left possible; None: a search, recorded as NaN.

    Returns:
        [rows, len(VALUES)] float32.
    """
    out = torch.full((len(tokens), len(VALUES)), torch.nan, dtype=torch.float32, device=tokens.device)
    out[:, 0] = nodes.logprob(node, tokens)
    out[:, 2] = nodes.entropy[node]
    out[:, 4] = nodes.rank(node, tokens)
    if strategy_logprob is not None:
        out[:, 1] = strategy_logprob
    if kept is not None:
        out[:, 3] = kept
    return out
