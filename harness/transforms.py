"""Transforms: pure functions on rows of logits, composed by `chain`.

A factory returns None where its knob is at the value that changes nothing, so an absent transform costs nothing.
Every transform maps [rows, vocab] logits to [rows, vocab] logits, leaves its input alone, and treats each row by
itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from harness.knobs import Count, Positive, Share, Temperature, checked
from harness.sampler import sort
from harness.strategies.base import View

Transform = Callable[[Tensor, View], Tensor]


def chain(*transforms: Transform | None) -> Transform:
    """Apply transforms from left to right; None means absent."""
    present = [t for t in transforms if t is not None]

    def apply(logits: Tensor, view: View) -> Tensor:
        for transform in present:
            logits = transform(logits, view)
        return logits

    return apply


@checked
def temperature(value: Temperature = 1.0) -> Transform | None:
    """Divide the logits by a temperature (Ackley et al., 1985): p_i ∝ exp(l_i / τ).

    Both limits are exact. τ = 0 leaves the argmax alone (all of them, if several are equal); τ = inf makes every token
    that is still possible equally likely.
    """
    if value == 1.0:
        return None

    def apply(logits: Tensor, view: View) -> Tensor:
        if value == math.inf:
            return torch.zeros_like(logits).masked_fill(logits == -torch.inf, -torch.inf)
        peak = logits.amax(-1, keepdim=True)
        if value == 0.0:
            return torch.zeros_like(logits).masked_fill(logits < peak, -torch.inf)
        if value >= 1.0:
            return logits / value
        # Below 1 the quotient can leave the range of the type: then divide the distance to the peak, which cannot.
        # In float64, because a temperature such as 1e-50 is zero in float32.
        shift = torch.where((peak.double() / value).abs() < torch.finfo(logits.dtype).max, 0.0, peak.double())
        return ((logits.double() - shift) / value).to(logits.dtype)

    return apply


@checked
def top_k(k: Count = 0) -> Transform | None:
    """Keep the k likeliest tokens (Fan et al., 2018). 0 is off.

    Tokens equal to the k-th likeliest are kept too, as in transformers.
    """
    if k == 0:
        return None

    def apply(logits: Tensor, view: View) -> Tensor:
        threshold = logits.topk(min(k, logits.shape[-1]), dim=-1).values[:, -1:]
        return logits.masked_fill(logits < threshold, -torch.inf)

    return apply


@checked
def top_p(p: Share = 1.0) -> Transform | None:
    """Keep the smallest set of likeliest tokens whose probability reaches p (Holtzman et al., 2020). 1 is off.

    Among equally likely tokens at the edge the smaller ids are kept.
    """
    if p == 1.0:
        return None

    def apply(logits: Tensor, view: View) -> Tensor:
        ranked, order = sort(logits)
        probabilities = ranked.softmax(-1)
        before = probabilities.cumsum(-1) - probabilities  # of all likelier tokens
        forbidden = torch.empty_like(logits, dtype=torch.bool).scatter_(1, order, before >= p)
        return logits.masked_fill(forbidden, -torch.inf)

    return apply


@checked
def repetition_penalty(penalty: Positive = 1.0) -> Transform | None:
    """Make every token of the prompt and the continuation less likely (Keskar et al., 2019, section 4.1). 1 is off.

    A positive logit is divided by the penalty and a negative one multiplied, as in the authors' code and transformers;
    the paper's equation divides all. Below 1 it rewards repetition.
    """
    if penalty == 1.0:
        return None

    def apply(logits: Tensor, view: View) -> Tensor:
        seen = view.history.where(view.history >= 0, view.history[:, -1:])  # the last column is never padding
        at = logits.gather(1, seen)
        return logits.scatter(1, seen, torch.where(at < 0, at * penalty, at / penalty))

    return apply
