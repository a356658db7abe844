"""A transform of ours as a logits processor of transformers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor

from harness.errors import InputError
from harness.nodes import Nodes
from harness.strategies.base import VALUES, View
from harness.strategies.sampling import Greedy, Sampling
from harness.transforms import Transform, chain


class TransformProcessor(LogitsProcessor):  # type: ignore[misc]
    """What a sampling strategy does to logits, for `generate(logits_processor=[...])`.

    `generate` then draws from it by its own generator. Give it `do_sample=True, top_k=0`: its own top_k is 50 where it
    is not set. To have our draws, and searches, use `custom_generate`.

    Args:
        of: a strategy of `sample` or `greedy`, or a transform.
        prompt_length: tokens of the prompt, its padding included, for transforms that count new tokens.
        pad_token_id: which token at the left end of a row is padding; None: there is none.
        eos: tokens that end a text.

    Raises:
        InputError: a strategy that is more than a transform.
    """

    def __init__(
        self,
        of: Sampling | Greedy | Transform,
        *,
        prompt_length: int = 0,
        pad_token_id: int | None = None,
        eos: frozenset[int] = frozenset(),
    ) -> None:
        transform: Any = of.transform if isinstance(of, Sampling | Greedy) else of
        if not callable(transform):
            raise InputError(f"of={of!r:.80}: is no transform, nor a strategy that is one; see custom_generate")
        self.transform = chain(transform)
        self.prompt_length, self.pad, self.eos = prompt_length, pad_token_id, eos

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """[rows, time] tokens and [rows, vocab] logits -> [rows, vocab] logits."""
        rows, history = torch.arange(len(scores), device=scores.device), input_ids
        if self.pad is not None:
            history = input_ids.masked_fill((input_ids == self.pad).cumprod(1).bool(), -1)
        step = max(0, input_ids.shape[1] - self.prompt_length)
        nothing = torch.zeros(len(scores), dtype=torch.float64, device=scores.device)
        values = torch.full((len(scores), step, len(VALUES)), torch.nan, device=scores.device)
        limit = torch.full_like(rows, torch.iinfo(torch.int64).max)
        return self.transform(scores, View(Nodes(scores), rows, history, nothing, values, None, step, self.eos, limit))
