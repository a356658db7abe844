"""Causal language models of transformers behind the harness's protocol."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.errors import InputError
from harness.models.base import Cache, Output
from harness.models.text import Text


@dataclass(slots=True)
class KeyValueCache:
    """Keys and values of every row so far, and which positions of a row hold a token; all where the network is."""

    past: Any  # transformers.Cache, of the kind that the model itself makes
    mask: Tensor  # [rows, time] int64: 1 where there is a token, 0 where there is padding
    lengths: Tensor  # [rows] int64: tokens so far

    def select(self, rows: Tensor) -> None:
        """Row i becomes old row rows[i]; rows may be repeated, left out and in any order."""
        rows = rows.to(self.mask.device)
        self.past.reorder_cache(rows)  # a gather of the first axis, of as many rows as asked for
        self.mask, self.lengths = self.mask[rows], self.lengths[rows]


class HuggingFaceModel:
    """A causal language model of transformers with its tokenizer.

    `device` is where the engine and the strategies work: logits, rows and draws. That is the network's own, but for
    Apple's mps: it has no float64, which draws and probabilities need. There the network alone runs on mps, and what it
    gives is moved to the CPU. The division is tested with simulated tensors; on such a machine it has not been run yet.

    Args:
        network: the model, in eval mode, on its device.
        tokenizer: the model's own.
        name: what a table calls it.
        fingerprint: what fixes its weights.
    """

    def __init__(self, network: Any, tokenizer: Any, *, name: str, fingerprint: str) -> None:
        self.name, self.fingerprint = name, fingerprint
        self.network, self._text = network, Text(tokenizer, name)
        self.encode, self.continuation = self._text.encode, self._text.continuation
        self.decode, self.pieces = self._text.decode, self._text.pieces
        self._network_device: torch.device = network.device  # of all that goes into the network, and of its cache
        self.device = torch.device("cpu") if self._network_device.type == "mps" else self._network_device
        self.dtype: torch.dtype = network.dtype
        config = network.config.get_text_config()
        head = network.get_output_embeddings()
        self.vocab: int = config.vocab_size if head is None else head.weight.shape[0]
        self.context: int | None = getattr(config, "max_position_embeddings", None)
        self.eos = _ids(*(getattr(x, "eos_token_id", None) for x in (network.generation_config, config, tokenizer)))
        self._accepts = frozenset(inspect.signature(network.forward).parameters)
        largest = max(tokenizer.get_vocab().values(), default=-1)
        if largest >= self.vocab:
            raise InputError(f"{name}: the tokenizer has token {largest}, the model only the logits of {self.vocab}")

    @torch.no_grad()
    def prefill(self, prompts: Sequence[Sequence[int]], *, hidden: bool = False) -> tuple[Output, KeyValueCache]:
        """Run the prompts, of any lengths, at once: left-padded, each at its own positions from zero.

        Raises:
            InputError: a prompt has no tokens, or more than the context.
        """
        longest = self._longest(prompts)
        tokens = self._tensor([[0] * (longest - len(p)) + [*p] for p in prompts])
        lengths = self._tensor([len(p) for p in prompts])
        place = torch.arange(longest, device=self._network_device) - (longest - lengths)[:, None]
        mask = (place >= 0).long()
        out, states = self._run(tokens, place.clamp(min=0), hidden=hidden, attention_mask=mask, use_cache=True)
        past = getattr(out, "past_key_values", None)  # a state-space model has none, nor has one that reads both ways
        if past is None:
            kind = type(self.network).__name__
            raise InputError(f"{self.name}: {kind} keeps no keys and values of the past, which decoding needs")
        return Output(self._real(out.logits[:, -1]), states), KeyValueCache(past, mask, lengths)

    @torch.no_grad()
    def extend(self, tokens: Tensor, cache: Cache, *, hidden: bool = False) -> Output:
        """Run one more token per row: tokens [rows]. The cache grows by it."""
        assert isinstance(cache, KeyValueCache)
        mask = torch.cat([cache.mask, cache.mask.new_ones(len(tokens), 1)], dim=1)
        out, states = self._run(
            tokens[:, None].to(self._network_device),
            cache.lengths[:, None],
            hidden=hidden,
            attention_mask=mask,
            past_key_values=cache.past,
            use_cache=True,
        )
        cache.past, cache.mask, cache.lengths = out.past_key_values, mask, cache.lengths + 1
        return Output(self._real(out.logits[:, -1]), None if states is None else states[:, -1])

    @torch.no_grad()
    def forward(self, sequences: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Run whole sequences without a cache: logits [rows, time, vocab] and hidden [rows, time, d_model].

        Right-padded, so that a causal model needs no mask: what lies beyond a sequence's end is seen by nothing.

        Raises:
            InputError: a sequence has no tokens, or more than the context.
        """
        longest = self._longest(sequences)
        tokens = self._tensor([[*s] + [0] * (longest - len(s)) for s in sequences])
        place = torch.arange(longest, device=self._network_device).expand(tokens.shape)
        out, states = self._run(tokens, place, hidden=True, keep=0, use_cache=False)
        assert states is not None
        return self._real(out.logits), states

    def _run(
        self, tokens: Tensor, place: Tensor, *, hidden: bool, keep: int = 1, **inputs: Any
    ) -> tuple[Any, Tensor | None]:
        """One forward pass with the logits of the last `keep` positions (0: all), and the last layer's states."""
        if "position_ids" in self._accepts:  # others (ALiBi) find their positions in the mask
            inputs["position_ids"] = place
        if "logits_to_keep" in self._accepts:
            inputs["logits_to_keep"] = keep
        if not hidden:
            return self.network(input_ids=tokens, **inputs), None
        states: list[Tensor] = []
        # transformers would keep the states of every layer; only the last one's, after the final norm, are wanted.
        hook = self.network.get_decoder().register_forward_hook(lambda _module, _inputs, out: states.append(out[0]))
        try:
            out = self.network(input_ids=tokens, **inputs)
        finally:
            hook.remove()
        return out, self._real(states[0])

    def _longest(self, sequences: Sequence[Sequence[int]]) -> int:
        if not sequences or not all(map(len, sequences)):
            raise InputError(f"{self.name}: needs at least one token to start from")
        longest = max(map(len, sequences))
        if self.context is not None and longest > self.context:
            raise InputError(f"{self.name}: has a context of {self.context} tokens; a text has {longest}")
        return longest

    def _tensor(self, values: list[Any]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=self._network_device)

    def _real(self, values: Tensor) -> Tensor:
        """On the model's device in float32, or float64 for a float64 model."""
        return values.to(self.device, torch.float64 if self.dtype == torch.float64 else torch.float32)


def _ids(*choices: int | list[int] | None) -> frozenset[int]:
    """The first of the choices that is set."""
    for ids in choices:
        if ids is not None:
            return frozenset([ids] if isinstance(ids, int) else ids)
    return frozenset()
