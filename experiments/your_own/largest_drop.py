"""A truncation rule of your own, to copy: keep the tokens before the largest drop of the log-probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field

from harness import transforms
from harness.knobs import Temperature, checked
from harness.sampler import Ranked
from harness.strategies.sampling import Sampling
from harness.transforms import Transform, Truncation, chain

Within = Annotated[int, Field(ge=2)]  # the type says the range, and the command line's error message says it too


@dataclass(frozen=True)
class _LargestDrop(Truncation):
    """A Truncation sees the likeliest tokens in falling order, says which it keeps, and whether that is sure."""

    within: int

    def ranked(self, ranked: Ranked) -> Ranked:
        values = ranked.values[:, : self.within]  # [rows, k] logits, the first of each row 0
        drops = (values[:, :-1] - values[:, 1:]).nan_to_num(0.0)  # -inf minus -inf: both are forbidden already
        last = drops.argmax(1)  # of those that are kept; among equal drops the first
        kept = torch.arange(ranked.values.shape[1], device=values.device) <= last[:, None]
        known = torch.full_like(ranked.sure, ranked.values.shape[1] >= self.within)
        return ranked.keep(kept, known)


@checked
def largest_drop(within: Within = 50) -> Transform:
    """Among the `within` likeliest tokens, keep those before the largest fall from one logit to the next."""
    return _LargestDrop(within)


@checked
def strategy(*, within: Within = 50, temperature: Temperature = 1.0) -> Sampling:
    """What the yaml's `factory:` names: sampling after the rule.

    Source: none; it is an example.
    Oracle: a loop over sorted logits (tests/unit/test_experiment_your_own.py); within=2 is greedy.

    Args:
        within: how many of the likeliest tokens to look at.
        temperature: before the rule.
    """
    return Sampling(chain(transforms.temperature(temperature), largest_drop(within)))
