"""From a distribution and a draw to a token: the inverse of the cdf over tokens sorted by falling probability.

Sorted, because then under one draw a lower temperature, or a smaller nucleus, never picks a token of lower rank: two
settings of one knob differ only where the setting makes them differ (a monotone coupling).
"""

from __future__ import annotations

import torch
from torch import Tensor

PREFIX = 256
"""How many of the likeliest tokens are sorted before anything else is tried."""


def sort(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Logits in falling order and their token ids; among equal logits the smaller id comes first."""
    ranked = logits.sort(dim=-1, descending=True, stable=True)
    return ranked.values, ranked.indices


def locate(ranked: Tensor, uniform: Tensor, total: Tensor) -> Tensor:
    """The place of each draw in the sorted distribution.

    Args:
        ranked: [rows, k] float64 weights in falling order: the first k of the distribution.
        uniform: [rows] float64 draws in [0, 1).
        total: [rows] float64 sum of the weights of the whole distribution.

    Returns:
        [rows] the number of weights whose cumulative sum is at most uniform * total; k if the draw lies beyond them.
    """
    return torch.searchsorted(ranked.cumsum(-1), (uniform * total)[:, None], right=True)[:, 0]


def inverse_cdf_by_full_sort(logits: Tensor, uniform: Tensor) -> Tensor:
    """The definition: [rows, vocab] logits and [rows] draws -> [rows] tokens. `inverse_cdf` is the same, faster."""
    ranked, order = sort(logits)
    weights = (ranked.double() - ranked[:, :1].double()).exp()
    place = locate(weights, uniform, weights.sum(-1))
    last = (weights > 0).sum(-1) - 1  # u * total may round up to the total itself
    return order.gather(1, torch.minimum(place, last)[:, None])[:, 0]


def inverse_cdf(logits: Tensor, uniform: Tensor) -> Tensor:
    """The token whose slice of the sorted cdf holds the draw.

    Only the `PREFIX` likeliest tokens are sorted; the rows whose draw lies beyond them, or whose prefix ends within a
    run of equal logits (which of them `topk` returns is not defined), take the full sort. The result is that of the
    definition, `inverse_cdf_by_full_sort`, whatever the path.

    Args:
        logits: [rows, vocab], -inf where a token is forbidden; every row has at least one that is not.
        uniform: [rows] float64 in [0, 1).

    Returns:
        [rows] int64 tokens.
    """
    if logits.shape[-1] <= 4 * PREFIX:
        return inverse_cdf_by_full_sort(logits, uniform)
    values, order = logits.topk(PREFIX, dim=-1)
    order, by_id = order.sort(dim=-1)
    values, by_value = values.gather(1, by_id).sort(dim=-1, descending=True, stable=True)
    order = order.gather(1, by_value)
    peak = values[:, :1].double()
    total = (logits.double() - peak).exp().sum(-1)
    weights = (values.double() - peak).exp()
    place = locate(weights, uniform, total)
    inside = (place < PREFIX) & (values.gather(1, place.clamp(max=PREFIX - 1)[:, None])[:, 0] > values[:, -1])
    tokens = order.gather(1, place.clamp(max=PREFIX - 1)[:, None])[:, 0]
    beyond = (~inside).nonzero()[:, 0]
    if len(beyond):
        tokens[beyond] = inverse_cdf_by_full_sort(logits[beyond], uniform[beyond])
    return tokens
