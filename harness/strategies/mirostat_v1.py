"""Mirostat: top-k whose k follows from Zipf's law and steers the surprise of the text towards a target."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from harness import transforms
from harness.knobs import NonNegative, Temperature, checked
from harness.sampler import Ranked
from harness.strategies.mirostat import Mirostat, Surprise
from harness.transforms import chain

Likeliest = Annotated[int, Field(ge=2, le=256)]  # so many are always sorted (`harness.nodes.PREFIX`)


@dataclass(frozen=True)
class MirostatV1(Mirostat):
    """Keep the k likeliest tokens, of which k would be those of a surprise of at most mu if Zipf's law held."""

    m: int

    def truncated(self, ranked: Ranked, mu: Tensor) -> Ranked:
        """The first k tokens of some rows, k of each its own."""
        assert ranked.tail is not None
        k = count(exponent(ranked.values[:, : self.m]), mu[ranked.tail.node], ranked.tail.nodes.vocab)
        place = torch.arange(ranked.values.shape[1], device=k.device)
        return ranked.keep(place < k[:, None], k <= len(place))


def exponent(values: Tensor) -> Tensor:
    """[rows, m] logits of the likeliest tokens, falling -> [rows] the exponent s of Zipf's law that fits them best.

    Least squares on neighbours: s = sum t_i b_i / sum t_i ** 2, where t_i = log((i + 1) / i) and b_i = log(p_i / p_i+1)
    (Basu et al., 2021, section 4). Impossible tokens are left out; where only one is possible s is 0.
    """
    rank = torch.arange(1, values.shape[1], dtype=values.dtype, device=values.device)
    possible = values[:, 1:] > -torch.inf
    t = ((rank + 1) / rank).log() * possible
    b = (values[:, :-1] - values[:, 1:]).where(possible, 0.0)
    return (t * b).sum(-1) / (t * t).sum(-1).clamp(min=torch.finfo(values.dtype).tiny)


def count(s: Tensor, mu: Tensor, vocab: int) -> Tensor:
    """[rows] int64: k = (ε 2**mu / (1 - vocab**-ε)) ** (1 / s) with ε = s - 1, rounded down, from 1 to vocab.

    In logarithms, as both powers leave the range of numbers; where ε is 0 the fraction is 2**mu / log(vocab).
    """
    epsilon, size = s - 1, math.log(vocab)
    small = epsilon.abs() < 1e-12
    fraction = torch.where(small, 1 / size, epsilon / -torch.expm1(-epsilon * size).where(~small, 1.0))
    log_k = (fraction.log() + mu * math.log(2)) / s.clamp(min=1e-12)
    return log_k.clamp(0.0, size + 1).exp().floor().clamp(1, vocab).long()


@checked
def mirostat_v1(
    *,
    tau: NonNegative = 3.0,
    eta: NonNegative = 0.1,
    m: Likeliest = 100,
    temperature: Temperature = 1.0,
    surprise: Surprise = "model",
) -> MirostatV1:
    """Mirostat: sample from the k likeliest tokens, k chosen at every step to hold the mean surprise at a target.

    Zipf's exponent is fitted to the m likeliest tokens, k follows from it and from mu, and mu becomes
    mu - eta (S - tau), S being the surprise of the drawn token. k is rounded down and at least 1, as in llama.cpp; the
    authors' code rounds it, adds 1, and fits 3000 tokens.

    Source: Basu et al. (2021), Mirostat, Algorithm 1.
    Oracle: a loop after llama.cpp's semantics; tau = 0 is greedy, a large tau sampling; mean surprise goes to tau.

    Args:
        tau: the target, in bits per token; 0 is greedy.
        eta: the learning rate; 0 leaves mu at 2 tau.
        m: how many of the likeliest tokens the exponent is fitted to.
        temperature: see `mirostat`.
        surprise: see `mirostat`.
    """
    return MirostatV1(tau, eta, surprise, chain(transforms.temperature(temperature)), m)
