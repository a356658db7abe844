"""The same weights in two precisions: what of the numbers and of the text is still the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from harness.api import decode
from harness.models.base import LanguageModel


@dataclass(frozen=True)
class Halved:
    """A model against itself in fewer bits."""

    dtypes: tuple[str, str]
    token_bytes: tuple[int, int]  # what one token of one row takes in the cache
    largest: float  # largest |difference| of a log-probability among the next tokens of all prompts
    argmax_equal: int  # prompts whose likeliest next token is the same
    prompts: int
    parted: list[int | None]  # by prompt: greedy tokens before the two texts part; None: they do not


def halved(whole: LanguageModel, half: LanguageModel, prompts: Sequence[str], new: int) -> Halved:
    """Compare the next-token distributions and the greedy texts of `new` tokens of two loads of one model."""
    logprobs = [
        torch.cat([m.prefill([m.encode(p)])[0].logits.double().cpu() for p in prompts]).log_softmax(-1)
        for m in (whole, half)
    ]
    texts = [decode(m, prompts, "greedy", max_new_tokens=new)["tokens"] for m in (whole, half)]
    dtypes = str(whole.dtype).removeprefix("torch."), str(half.dtype).removeprefix("torch.")
    return Halved(
        dtypes,
        (whole.token_bytes, half.token_bytes),
        float((logprobs[0] - logprobs[1]).abs().max()),
        int((logprobs[0].argmax(-1) == logprobs[1].argmax(-1)).sum()),
        len(prompts),
        [parting([int(t) for t in a], [int(t) for t in b]) for a, b in zip(*texts, strict=True)],
    )


def parting(one: Sequence[int], other: Sequence[int]) -> int | None:
    """How many tokens two texts have in common before they part; None where they are equal."""
    if list(one) == list(other):
        return None
    both = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(both) if a != b), min(len(one), len(other)))
