"""Causal language models of transformers behind the harness's protocol."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor

from harness.errors import InputError
from harness.models.base import Cache, LanguageModel, Output
from harness.models.cache import KeyValueCache, check_past, token_bytes
from harness.models.text import Text, check_vocabulary

CHUNK = 2048  # tokens of one forward pass of a prefill, padding included


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
        packed: whether its layers and its attention are those for CPUs, whose floats differ in the last digits.
    """

    def __init__(self, network: Any, tokenizer: Any, *, name: str, fingerprint: str, packed: bool = False) -> None:
        self.name, self.fingerprint, self.packed = name, fingerprint, packed
        self.network, self._text = network, Text(tokenizer, name)
        self.encode, self.continuation = self._text.encode, self._text.continuation
        self.decode, self.pieces = self._text.decode, self._text.pieces
        self.vocabulary = self._text.vocabulary
        self._network_device: torch.device = network.device  # of all that goes into the network, and of its cache
        self.device = torch.device("cpu") if self._network_device.type == "mps" else self._network_device
        self.dtype: torch.dtype = network.dtype
        config = network.config.get_text_config()
        head = network.get_output_embeddings()
        self.vocab: int = config.vocab_size if head is None else head.weight.shape[0]
        self.context: int | None = getattr(config, "max_position_embeddings", None)
        try:
            self.eos = eos_of(network.generation_config, config, tokenizer)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        self._accepts = frozenset(inspect.signature(network.forward).parameters)
        self._early: dict[Any, LanguageModel] = {}
        check_vocabulary(tokenizer, self.vocab, name)

    @cached_property
    def token_bytes(self) -> int:
        """What one token of one row takes in the cache, in bytes; measured."""
        return token_bytes(self._past_of_one)

    @cached_property
    def _past_of_one(self) -> Any:
        """The cache that the model makes by itself for one token: it shows what the model's layers keep."""
        one = self._tensor([[1]])
        with torch.no_grad():
            out, _ = self._run(one - 1, one - 1, hidden=False, attention_mask=one, use_cache=True)
        past = getattr(out, "past_key_values", None)
        check_past(past, self.name, type(self.network).__name__)
        return past

    def early_layers(self, which: Literal["low", "high"] | tuple[int, ...]) -> LanguageModel:
        """A reader of the same texts whose logits are those of early layers: `harness.models.early_layers`.

        Raises:
            InputError: there are no such layers, or the network is built so that they cannot be told apart.
        """
        from harness.models.early_layers import EarlyLayers, candidates  # builds on this module

        if which not in self._early:
            self._early[which] = EarlyLayers(self, candidates(which, self))
        return self._early[which]

    @torch.no_grad()
    def prefill(
        self, prompts: Sequence[Sequence[int]], *, hidden: bool = False, room: int = 0, least: int = 0
    ) -> tuple[Output, KeyValueCache]:
        """Run the prompts, of any lengths, at once: left-padded, each at its own positions from zero.

        Many tokens go through in pieces of at most `CHUNK`, so that memory beside the cache and the output is bounded.

        Args:
            prompts: token ids.
            hidden: whether the last layer's states are wanted.
            room: how many rows the cache will have, if they become more.
            least: pad to at least so many columns, of which the cache then drops none; 0: as few as there can be.

        Raises:
            InputError: a prompt has no tokens, or more than the context; the model keeps no keys and values.
        """
        longest = longest_of(prompts, self.name, self.context)
        # With `least`, one column more, which no prompt reaches: transformers leaves out a mask that masks nothing,
        # and attention without one rounds in another way.
        columns = max(longest, least) + 1 if least else longest
        parts = range(0, len(prompts), CHUNK)
        logits: list[Tensor] = []
        states: list[Tensor] = []
        whole: KeyValueCache | None = None
        for rows in (prompts[i : i + CHUNK] for i in parts):
            output, cache = self._prefill(rows, columns, hidden=hidden, room=room, fixed=least > 0)
            logits.append(output.logits)
            states += [] if output.hidden is None else [output.hidden]
            if whole is None:
                whole = cache
            else:
                whole.join(cache)
        assert whole is not None
        return Output(_cat(logits, 0), _cat(states, 0) if hidden else None), whole

    def _prefill(
        self, prompts: Sequence[Sequence[int]], columns: int, *, hidden: bool, room: int, fixed: bool
    ) -> tuple[Output, KeyValueCache]:
        """Run prompts, as many columns at once as `CHUNK` allows."""
        tokens = self._tensor([[-1] * (columns - len(p)) + [*p] for p in prompts])
        cache = KeyValueCache(self._past_of_one, tokens, room, fixed=fixed)
        place = torch.arange(columns, device=self._network_device) - (columns - cache.lengths)[:, None]
        mask = (place >= 0).long()
        pieces = -(-columns // max(1, CHUNK // len(prompts)))
        states: list[Tensor] = []
        for start, end in pairwise(columns * i // pieces for i in range(pieces + 1)):
            out, seen = self._run(
                tokens[:, start:end].clamp(min=0),
                place[:, start:end].clamp(min=0),
                hidden=hidden,
                attention_mask=mask[:, :end],
                past_key_values=cache.past,
                use_cache=True,
            )
            states += [] if seen is None else [seen]
        return Output(self._real(out.logits[:, -1]), _cat(states, 1) if hidden else None), cache

    @torch.no_grad()
    def extend(self, tokens: Tensor, cache: Cache, *, hidden: bool = False) -> Output:
        """Run one more token per row: tokens [rows]. The cache grows by it; after an error it is as it was."""
        out, states = self._extend(tokens[:, None], cache, hidden=hidden)
        return Output(self._real(out.logits[:, -1]), None if states is None else states[:, -1])

    @torch.no_grad()
    def read(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Run several more tokens per row: tokens [rows, n] -> logits [rows, n, vocab]; as `extend` otherwise."""
        out, _ = self._extend(tokens, cache, hidden=False, keep=tokens.shape[1])
        return self._real(out.logits[:, -tokens.shape[1] :])

    def _extend(self, tokens: Tensor, cache: Cache, **knobs: Any) -> tuple[Any, Tensor | None]:
        """Run [rows, n] tokens after those of the cache; it grows by them, or is as it was after an error."""
        assert isinstance(cache, KeyValueCache)
        tokens, new, before = tokens.to(self._network_device), tokens.shape[1], cache.width
        lengths, width = cache.lengths + new, before + new
        place = torch.arange(width, device=lengths.device) - (width - lengths)[:, None]
        try:
            out, states = self._run(
                tokens,
                place[:, -new:],
                attention_mask=(place >= 0).long(),
                past_key_values=cache.past,
                use_cache=True,
                **knobs,
            )
        except BaseException:
            cache.forget(before)
            raise
        cache.extended(tokens)
        return out, states

    @torch.no_grad()
    def forward(self, sequences: Sequence[Sequence[int]], wanted: Sequence[range]) -> tuple[Tensor, Tensor]:
        """Run whole sequences without a cache: logits [n, vocab] and hidden [n, d_model] of the positions wanted.

        Right-padded, so that a causal model needs no mask: what lies beyond a sequence's end is seen by nothing. The
        head sees the wanted positions alone.

        Raises:
            InputError: a sequence has no tokens, or more than the context.
        """
        longest = longest_of(sequences, self.name, self.context)
        tokens = self._tensor([[*s] + [0] * (longest - len(s)) for s in sequences])
        place = torch.arange(longest, device=self._network_device).expand(tokens.shape)
        rows = self._tensor([row for row, at in enumerate(wanted) for _ in at])
        out, states = self._run(
            tokens, place, hidden=True, wanted=(rows, self._tensor([t for at in wanted for t in at])), use_cache=False
        )
        assert states is not None
        return self._real(out.logits[0]), states[0]

    def _run(
        self,
        tokens: Tensor,
        place: Tensor,
        *,
        hidden: bool,
        wanted: tuple[Tensor, Tensor] | None = None,
        keep: int = 1,
        **inputs: Any,
    ) -> tuple[Any, Tensor | None]:
        """One forward pass with the logits of the last `keep` positions, and the last layer's states if asked for.

        With `wanted`, rows and positions of n states, both are of those alone: [1, n, vocab] and [1, n, d_model].
        """
        if "position_ids" in self._accepts:  # others (ALiBi) find their positions in the mask
            inputs["position_ids"] = place
        if "logits_to_keep" in self._accepts:
            inputs["logits_to_keep"] = keep if wanted is None else 0  # 0: of all that the head is given
        if not hidden:
            return self.network(input_ids=tokens, **inputs), None
        states: list[Tensor] = []

        # transformers would keep the states of every layer; only the last one's, after the final norm, are wanted. What
        # the hook returns goes on to the head, which treats each position by itself: one row of n serves any choice.
        def see(_module: Any, _inputs: Any, out: Any) -> Any:
            states.append(out[0] if wanted is None else out[0][wanted][None])
            if isinstance(out, tuple):
                return (states[0], *out[1:])
            out[next(iter(out))] = states[0]
            return out

        hook = self.network.get_decoder().register_forward_hook(see)
        try:
            out = self.network(input_ids=tokens, **inputs)
        finally:
            hook.remove()
        return out, self._real(states[0])

    def _tensor(self, values: list[Any]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=self._network_device)

    def _real(self, values: Tensor) -> Tensor:
        """On the model's device in float32, or float64 for a float64 model."""
        return values.to(self.device, torch.float64 if self.dtype == torch.float64 else torch.float32)


def _cat(parts: list[Tensor], dim: int) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim)


def longest_of(sequences: Sequence[Sequence[int]], name: str, context: int | None) -> int:
    """How many tokens the longest sequence has.

    Raises:
        InputError: there are none, one of them has none, or more than the context of the model of that name.
    """
    if not sequences or not all(map(len, sequences)):
        raise InputError(f"{name}: needs at least one token to start from")
    longest = max(map(len, sequences))
    if context is not None and longest > context:
        raise InputError(f"{name}: has a context of {context} tokens; a text has {longest}")
    return longest


def eos_of(*holders: Any) -> frozenset[int]:
    """The eos tokens of the first of a generation config, a config, a tokenizer that names any.

    Raises:
        InputError: what it names are no tokens.
    """
    for holder in holders:
        ids: Any = getattr(holder, "eos_token_id", None)
        if ids is not None:
            found = ids if isinstance(ids, list | tuple) else [ids]
            if not all(isinstance(each, int) for each in found):
                raise InputError(
                    f"eos_token_id={ids!r} of the {type(holder).__name__}: must be a token id or a list of them"
                )
            return frozenset(found)
    return frozenset()
