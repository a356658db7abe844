"""A strategy of ours as the decoding method of transformers' `generate`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from hashlib import blake2s
from itertools import count
from typing import Any, NoReturn

import torch
from torch import Tensor

from harness.engine import Request, decode
from harness.errors import InputError
from harness.faults import completed
from harness.knobs import Seed, check
from harness.models.huggingface import HuggingFaceModel
from harness.prompts import Prompt
from harness.strategies.base import Strategy

_wrapped = count()  # models so far: what is known of one, by its fingerprint, is never held to be known of another


def custom_generate(strategy: Strategy[Any], *, tokenizer: Any = None, seed: Seed = 0) -> Callable[..., Tensor]:
    """What `model.generate(..., custom_generate=...)` takes: our engine, our draws, any of our strategies.

    The tokens are those of a sweep on the same prompts, but for prompt ids: here they are hashes of the tokens. Equal
    prompts in a batch, as `num_return_sequences` makes them, are samples 0, 1, … of one. Of the generation config the
    length, the eos and the padding are read, and `num_return_sequences`; its other flags belong to the strategy that it
    replaces. `num_beams` is among them: the beams are the strategy's own.

    Args:
        strategy: any, from `harness.load_strategy` for example.
        tokenizer: the model's, for strategies that read or write texts.
        seed: of the draws.

    Raises:
        InputError: `strategy` is none. When it decodes: a prompt leaves no room, or the strategy reads texts and there
            is no tokenizer.
        DecodingFailed: when it decodes: the strategy raised (also for want of a tokenizer, where it reads what it has
            written), or the model's logits are no numbers.
    """
    if not isinstance(strategy, Strategy):
        raise InputError(f"strategy={strategy!r:.60}: must be a strategy, as load_strategy('top_p') gives one")
    seed = check(custom_generate, "seed", seed, f"seed={seed!r}")

    def method(model: Any, input_ids: Tensor, *, generation_config: Any, **kwargs: Any) -> Tensor:
        mask = kwargs.get("attention_mask")
        mask = torch.ones_like(input_ids) if mask is None else mask
        rows = _asked(len(input_ids), generation_config).to(input_ids.device)
        input_ids, mask = input_ids[rows], mask[rows]
        ours = _wrap(model, tokenizer, strategy)
        eos = generation_config.eos_token_id
        ours.eos = frozenset() if eos is None else frozenset(torch.as_tensor(eos).flatten().tolist())
        new = generation_config.max_length - input_ids.shape[1]
        requests, before = [], Counter[tuple[int, ...]]()
        for row, real in zip(input_ids, mask.bool(), strict=True):
            tokens = tuple(row[real].tolist())
            digest = blake2s(repr(tokens).encode(), digest_size=8).hexdigest()
            requests.append(Request(Prompt(digest, "", None), tokens, strategy, new, seed, before[tokens]))
            before[tokens] += 1
        found = {g.request: g.tokens for g in completed(decode(ours, requests))}
        longest = max(map(len, found.values()), default=0)
        pad = generation_config.pad_token_id if generation_config.pad_token_id is not None else min(ours.eos, default=0)
        texts = [[*found[r], *[pad] * (longest - len(found[r]))] for r in requests]
        return torch.cat([input_ids, torch.tensor(texts, dtype=input_ids.dtype, device=input_ids.device)], 1)

    return method


def _asked(rows: int, config: Any) -> Tensor:
    """Which rows are to be returned: `generate` makes as many of each prompt as the larger of beams and returns."""
    returned = config.num_return_sequences or 1
    copies = max(config.num_beams or 1, returned)
    return torch.arange(rows).view(-1, copies)[:, :returned].flatten()


def _wrap(model: Any, tokenizer: Any, strategy: Strategy[Any]) -> HuggingFaceModel:
    """The model behind our protocol, under a fingerprint that no other has."""
    fingerprint = f"{type(model).__name__}-{next(_wrapped)}"
    if tokenizer is not None:
        return HuggingFaceModel(model, tokenizer, name="model", fingerprint=fingerprint)
    none = _NoTokenizer(type(strategy).__name__)
    ours = HuggingFaceModel(model, none, name="model", fingerprint=fingerprint)
    none.asked_by_a_strategy = True
    return ours


class _NoTokenizer:
    """Refuses every text, once the model is made: until then it says what `Text` wants to hear."""

    model_max_length = 0
    eos_token_id = bos_token_id = None

    def __init__(self, strategy: str) -> None:
        self.strategy, self.asked_by_a_strategy = strategy, False

    def get_vocab(self) -> dict[str, int]:
        return self._refuse() if self.asked_by_a_strategy else {}

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        return self._refuse() if self.asked_by_a_strategy else {"input_ids": [0]}

    def decode(self, tokens: Any, **_: Any) -> str:
        return self._refuse() if self.asked_by_a_strategy else " a"

    def _refuse(self) -> NoReturn:
        raise InputError(f"{self.strategy} reads texts: custom_generate(strategy, tokenizer=...)")
