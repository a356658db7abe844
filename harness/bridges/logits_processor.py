"""A transform of ours as a logits processor of transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor

from harness.errors import InputError
from harness.models.text import Text
from harness.nodes import Nodes
from harness.strategies.base import VALUES, View
from harness.strategies.sampling import Greedy, Sampling
from harness.transforms import Transform, Worded, chain, forced_eos, min_new_tokens


class TransformProcessor(LogitsProcessor):  # type: ignore[misc]
    """What a sampling strategy does to logits, for `generate(logits_processor=[...])`.

    `generate` then draws from it by its own generator. Give it `do_sample=True, top_k=0`: its own top_k is 50 where it
    is not set. To have our draws, and searches, use `custom_generate`. XTC too is drawn by torch's generator, of which
    every call takes one number a row.

    Args:
        of: a strategy of `sample` or `greedy`, or a transform.
        prompt_length: tokens of the prompt, its padding included, for transforms that count new tokens. None: those of
            the first call, and of every call that is not one token longer than the one before, with which another text
            begins; give it where that is not so, as in assisted generation or where a text is taken up again.
        pad_token_id: which token at the left end of a row is padding; None: there is none.
        eos: tokens that end a text, for `min_new_tokens`.
        tokenizer: the model's, for transforms with texts among their knobs.

    Raises:
        InputError: a strategy that is more than a transform; `min_new_tokens` without `eos`; a text without
            `tokenizer`; `forced_eos`, as a processor is not told where the text will end.
    """

    def __init__(
        self,
        of: Sampling | Greedy | Transform,
        *,
        prompt_length: int | None = None,
        pad_token_id: int | None = None,
        eos: frozenset[int] = frozenset(),
        tokenizer: Any = None,
    ) -> None:
        transform: Any = of.transform if isinstance(of, Sampling | Greedy) else of
        if not callable(transform):
            raise InputError(f"of={of!r:.80}: is no transform, nor a strategy that is one; see custom_generate")
        stages = chain(transform)
        if any(isinstance(t, type(forced_eos(on=True))) for t in stages.general):
            raise InputError("forced_eos=True: a processor is not told the length; see generate's forced_eos_token_id")
        if not eos and any(isinstance(t, type(min_new_tokens(1))) for t in stages.general):
            raise InputError("min_new_tokens: needs the tokens that end a text: TransformProcessor(..., eos=...)")
        if any(isinstance(t, Worded) for t in stages.general):
            words: Any = _Words(tokenizer, eos)
            stages = stages.tokenized(words)
        self.transform = stages
        self.prompt_length, self.pad, self.eos = prompt_length, pad_token_id, eos
        self._begun, self._width = 0, -1  # the width of this text's first call, and of the last one

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """[rows, time] tokens and [rows, vocab] logits -> [rows, vocab] logits."""
        rows, history = torch.arange(len(scores), device=scores.device), input_ids
        if self.pad is not None:
            history = input_ids.masked_fill((input_ids == self.pad).cumprod(1).bool(), -1)
        width = input_ids.shape[1]
        self._begun, self._width = self._begun if width == self._width + 1 else width, width
        step = max(0, width - (self._begun if self.prompt_length is None else self.prompt_length))
        draws = torch.rand(len(scores), dtype=torch.float64, device=scores.device)
        values = torch.full((len(scores), step, len(VALUES)), torch.nan, device=scores.device)
        limit = torch.full_like(rows, torch.iinfo(torch.int64).max)
        return self.transform(scores, View(Nodes(scores), rows, history, draws, values, None, step, self.eos, limit))


class _Words:
    """What a transform with texts among its knobs asks of a model."""

    name = "the tokenizer"

    def __init__(self, tokenizer: Any, eos: frozenset[int]) -> None:
        self.eos, self._text = eos, None if tokenizer is None else Text(tokenizer, self.name)
        self.vocab = torch.iinfo(torch.int64).max if tokenizer is None else max(tokenizer.get_vocab().values()) + 1

    def continuation(self, text: str) -> list[int]:
        return self._known().continuation(text)

    def decode(self, tokens: Sequence[int]) -> str:
        return self._known().decode(tokens)

    def _known(self) -> Text:
        if self._text is None:
            raise InputError("the transform reads texts: TransformProcessor(..., tokenizer=...), or custom_generate")
        return self._text
