"""Truncations of whole rows: sorting no more than it takes changes nothing."""

from __future__ import annotations

import pytest
import torch

from harness import transforms
from harness.nodes import PREFIX, Nodes
from harness.sampler import Ranked
from harness.transforms import Truncation
from tests.logit_rows import adversarial
from tests.views import view_of


@pytest.mark.parametrize(
    "truncation",
    [
        *(transforms.top_k(k) for k in (1, 7, PREFIX - 1, PREFIX, PREFIX + 1, 5000, 10**6)),
        *(transforms.top_p(p) for p in (1e-9, 0.3, 0.9, 0.999, 1 - 1e-12)),
        *(transforms.min_p(p) for p in (1e-30, 0.01, 1.0)),
    ],
    ids=str,
)
def test_is_what_the_whole_sort_gives(truncation: Truncation) -> None:
    vocab = 20 * PREFIX
    x = torch.stack(list(adversarial(vocab).values()))
    before = x.clone()
    ranked = truncation.ranked(Ranked.of(Nodes(x), torch.arange(len(x)), vocab))
    kept = torch.zeros_like(x, dtype=torch.bool).scatter(1, ranked.tokens, ranked.values > -torch.inf)
    assert torch.equal(truncation(x, view_of(x)), x.masked_fill(~kept, -torch.inf))
    assert torch.equal(x, before)
