"""What is recorded of every token: the columns of `harness.strategies.base.VALUES`."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.nodes import Nodes
from harness.strategies.base import VALUES


def token_values(
    nodes: Nodes,
    node: Tensor,
    tokens: Tensor,
    strategy_logprob: Tensor | None = None,
    kept: Tensor | None = None,
    kept_mass: Tensor | None = None,
) -> Tensor:
    """The values of one token per row. What is None, as in a search, is recorded as NaN.

    Args:
        nodes: the model's own logits.
        node: [rows] which of them each row has.
        tokens: [rows] int64.
        strategy_logprob: [rows] under the strategy's distribution.
        kept: [rows] how many tokens that distribution left possible.
        kept_mass: [rows] the probability of all of these under the model's own.

    Returns:
        [rows, len(VALUES)] float32.
    """
    known = {
        "logprob": nodes.logprob(node, tokens),
        "strategy_logprob": strategy_logprob,
        "entropy": nodes.entropy[node],
        "kept": kept,
        "kept_mass": kept_mass,
        "rank": nodes.rank(node, tokens),
        "gap": nodes.gap[node],
    }
    out = torch.full((len(tokens), len(VALUES)), torch.nan, dtype=torch.float32, device=tokens.device)
    for i, name in enumerate(VALUES):
        if (column := known[name]) is not None:
            out[:, i] = column
    return out
