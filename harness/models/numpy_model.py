"""GPT-2 in NumPy behind the harness's protocol: `model.backend=numpy`. Tensors of torch come and go at its border."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.models import directory
from harness.models.base import Cache, Output
from harness.models.gpt2_files import dtype_of, read
from harness.models.gpt2_numpy import GPT2, Ints, Past
from harness.models.huggingface import CHUNK, eos_of, longest_of
from harness.models.text import Text, check_vocabulary


class NumpyCache:
    """Keys and values of every row so far.

    All values that no row has yet are finite: what attention gives no weight is multiplied by 0, and a NaN stays NaN.

    Args:
        past: the network's memory, after the prompts.
        fixed: the columns in use do not become fewer, so that the shapes do not tell which rows there are.
    """

    def __init__(self, past: Past, *, fixed: bool) -> None:
        self.past, self._fixed = past, fixed

    def __len__(self) -> int:
        return len(self.past.lengths)

    def select(self, rows: Tensor) -> None:
        """Row i becomes old row rows[i]; rows may be repeated, left out and in any order. Only what moves is copied."""
        past, order = self.past, rows.numpy()  # [new rows]
        past.fit(len(order), past.width)
        moved = np.flatnonzero(order != np.arange(len(order)))
        for buffer in (past.keys, past.values):  # [layers, room, columns, W]
            buffer[:, moved, : past.width] = buffer[:, order[moved], : past.width]
        old, before = len(self), past.width
        past.lengths = past.lengths[order]
        if not self._fixed:
            past.width = int(past.lengths.max(initial=0))
        past.values[:, :old, past.width : before] = 0

    def rewind(self, lengths: Tensor) -> None:
        """Drop the last tokens of every row: lengths [rows] stay. Nothing is moved, as columns are positions."""
        self.past.lengths = lengths.numpy().copy()
        self.clear()
        if not self._fixed:
            self.past.width = int(self.past.lengths.max(initial=0))

    def clear(self) -> None:
        """Zero the values after the tokens of every row: of guesses that were wrong, or of padding."""
        beyond = np.arange(self.past.width) >= self.past.lengths[:, None]  # [rows, columns]
        self.past.values[:, : len(self), : self.past.width][:, beyond] = 0

    def join(self, other: Cache) -> None:
        """The rows of another cache of this model come after this one's. The other is used up."""
        assert isinstance(other, NumpyCache)
        past, theirs, old = self.past, other.past, len(self)
        rows, width = old + len(other), max(past.width, theirs.width)
        past.fit(rows, width)
        for mine, new in ((past.keys, theirs.keys), (past.values, theirs.values)):
            mine[:, old:rows, : theirs.width] = new[:, : len(other), : theirs.width]
        past.lengths, past.width = np.concatenate([past.lengths, theirs.lengths]), width


class NumpyModel:
    """A GPT-2 in NumPy with its tokenizer: a `harness.models.base.LanguageModel`.

    Args:
        gpt2: the network.
        tokenizer: transformers' of the same model, so that both backends read a text as the same tokens.
        name: what a table calls it.
        fingerprint: what fixes its weights.
        eos: any of these tokens ends a continuation.
    """

    backend = "numpy"

    def __init__(self, gpt2: GPT2, tokenizer: Any, *, name: str, fingerprint: str, eos: frozenset[int]) -> None:
        check_vocabulary(tokenizer, gpt2.vocab, name)
        self.gpt2, self._text = gpt2, Text(tokenizer, name)
        self.name, self.fingerprint, self.eos = name, fingerprint, eos
        self.encode, self.continuation = self._text.encode, self._text.continuation
        self.decode, self.pieces = self._text.decode, self._text.pieces
        self.vocabulary = self._text.vocabulary
        self.vocab: int = gpt2.vocab
        self.context: int | None = gpt2.context
        self.device = torch.device("cpu")
        self.dtype = torch.float64 if gpt2.dtype == np.float64 else torch.float32
        self.token_bytes: int = 2 * gpt2.layers * gpt2.width * gpt2.dtype.itemsize  # a key and a value in each layer

    def prefill(
        self, prompts: Sequence[Sequence[int]], *, hidden: bool = False, room: int = 0, least: int = 0
    ) -> tuple[Output, NumpyCache]:
        """Run the prompts, of any lengths, at once, as many as make `CHUNK` tokens with their padding.

        Args:
            prompts: token ids.
            hidden: whether the last layer's states are wanted: [rows, time, d_model], left-padded.
            room: how many rows the cache will have, if they become more.
            least: pad to at least so many columns, of which the cache then drops none; 0: as few as there can be.

        Raises:
            InputError: a prompt has no tokens, or more than the context.
        """
        columns = max(longest_of(prompts, self.name, self.context), least)
        at_once = max(1, CHUNK // columns)
        logits, states = [], []
        whole: NumpyCache | None = None
        for some in (prompts[i : i + at_once] for i in range(0, len(prompts), at_once)):
            past = self.gpt2.past(len(some), columns, max(room, len(prompts)) if whole is None else 0)
            found = self.gpt2.states(_padded(some, columns), past)  # [rows, columns, d_model]
            past.lengths = np.array([len(p) for p in some])  # the padding is no part of the texts
            logits.append(self.gpt2.logits(found[np.arange(len(some)), past.lengths - 1]))  # [rows, vocab]
            if hidden:
                states += [np.roll(row, columns - len(p), 0) for row, p in zip(found, some, strict=True)]
            cache = NumpyCache(past, fixed=least > 0)
            cache.clear()
            if whole is None:
                whole = cache
            else:
                whole.join(cache)
        assert whole is not None
        return Output(
            torch.from_numpy(np.concatenate(logits)), torch.from_numpy(np.stack(states)) if hidden else None
        ), whole

    def extend(self, tokens: Tensor, cache: Cache, *, hidden: bool = False) -> Output:
        """Run one more token per row: tokens [rows]. The cache grows by it; after an error it is as it was."""
        assert isinstance(cache, NumpyCache)
        states = self.gpt2.states(tokens.numpy()[:, None], cache.past)[:, 0]  # [rows, d_model]
        logits = torch.from_numpy(self.gpt2.logits(states))
        return Output(logits, torch.from_numpy(states) if hidden else None)

    def read(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Run several more tokens per row: tokens [rows, n] -> logits [rows, n, vocab]; as `extend` otherwise."""
        assert isinstance(cache, NumpyCache)
        states = self.gpt2.states(tokens.numpy(), cache.past)  # [rows, n, d_model]
        return torch.from_numpy(self.gpt2.logits(states))

    def forward(self, sequences: Sequence[Sequence[int]], wanted: Sequence[range]) -> tuple[Tensor, Tensor]:
        """Run whole sequences without a cache: logits [n, vocab] and hidden [n, d_model] of the positions wanted.

        Raises:
            InputError: a sequence has no tokens, or more than the context.
        """
        found = self.gpt2.states(_padded(sequences, longest_of(sequences, self.name, self.context)))  # [rows, time, W]
        rows = [row for row, at in enumerate(wanted) for _ in at]
        states = found[rows, [t for at in wanted for t in at]]  # [n, d_model]
        return torch.from_numpy(self.gpt2.logits(states)), torch.from_numpy(states)


def from_directory(path: Path, tokenizer: Any, *, name: str, shown: str, dtype: str) -> NumpyModel:
    """The model of a checked directory; the arguments are those of `harness.models.checkpoint.from_directory`.

    Raises:
        InputError: it is no GPT-2, or its weights are not those that its config.json describes.
    """
    from transformers import GenerationConfig, GPT2Config

    gpt2 = read(path, shown, dtype_of(dtype))
    config = GPT2Config.from_pretrained(path, local_files_only=True)
    generation = (
        GenerationConfig.from_pretrained(path, local_files_only=True)
        if (path / "generation_config.json").is_file()
        else None
    )
    eos = eos_of(generation, config, tokenizer)
    return NumpyModel(gpt2, tokenizer, name=name, fingerprint=directory.fingerprint(path), eos=eos)


def _padded(sequences: Sequence[Sequence[int]], columns: int) -> Ints:
    """[rows, columns], padded on the right with token 0, which nothing sees."""
    return np.array([[*s] + [0] * (columns - len(s)) for s in sequences], np.int64)
