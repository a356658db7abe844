"""What the engine asks of a language model, and of the memory that the model keeps between two steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:  # model factories are imported, to check their knobs, before torch is
    import torch
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Output:
    """What one forward pass gives."""

    logits: Tensor  # [rows, vocab] of the last position, float32 (float64 for a float64 model)
    hidden: Tensor | None = None  # last layer, only if asked for: prefill [rows, time, d_model], extend [rows, d_model]


class Cache(Protocol):
    """Keys and values of every row so far."""

    def __len__(self) -> int:
        """How many rows there are."""

    def select(self, rows: Tensor) -> None:
        """Row i becomes old row rows[i]: sharing a prefill, reordering beams and retiring rows are this one gather.

        Rows with rows[i] == i are not copied. The host waits for the device.
        """

    def join(self, other: Self) -> None:
        """The rows of another cache of the same model come after this one's; prompts of any lengths meet in a batch.

        The other cache is used up.
        """


class RewindableCache(Cache, Protocol):
    """A cache that can forget."""

    def rewind(self, lengths: Tensor) -> None:
        """Drop the last tokens of every row: lengths [rows] stay, from 0 to as many as there are."""


class LanguageModel(Protocol):
    """A causal language model on some device, with its tokenizer."""

    name: str  # what a table calls it: "pocket-m", "gpt2", the last part of a path
    fingerprint: str  # what fixes its weights: the hub's commit hash, or a content hash
    vocab: int  # the width of the logits
    context: int | None  # the most positions it can attend to; None: no limit known
    eos: frozenset[int]  # any of these ends a continuation
    device: torch.device
    dtype: torch.dtype

    def encode(self, text: str) -> list[int]:
        """Token ids as the model's own tokenizer makes them by default; an empty text starts from bos or eos."""

    def continuation(self, text: str) -> list[int]:
        """Token ids of a text that goes on after other tokens: no special tokens are added."""

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of a continuation, special tokens left out."""

    def pieces(self, tokens: Sequence[int]) -> list[str]:
        """The text of each token by itself."""

    def vocabulary(self) -> Mapping[str, int]:
        """The id of every token by what the tokenizer calls it, special tokens included."""

    @property
    def token_bytes(self) -> int:
        """What one token of one row takes in the cache, in bytes."""

    def prefill(
        self, prompts: Sequence[Sequence[int]], *, hidden: bool = False, room: int = 0, least: int = 0
    ) -> tuple[Output, Cache]:
        """Run the prompts, of any lengths, at once; `Output.hidden` is left-padded like the prompts.

        The cache may become `room` rows without being copied. With `least`, all shapes are as if the longest prompt had
        at least so many tokens, and stay so when it retires.
        """

    def extend(self, tokens: Tensor, cache: Cache, *, hidden: bool = False) -> Output:
        """Run one more token per row: tokens [rows]. The cache grows by it."""

    def forward(self, sequences: Sequence[Sequence[int]], wanted: Sequence[range]) -> tuple[Tensor, Tensor]:
        """Run whole sequences without a cache, and read them at the positions wanted[i] of sequence i.

        Returns:
            logits [n, vocab] and hidden [n, d_model] of those positions, sequence after sequence.
        """


class Reader(LanguageModel, Protocol):
    """A language model that reads several tokens ahead and takes them back; its caches are rewindable.

    What decoding speculatively needs, and nothing else does.
    """

    def read(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Run several more tokens per row: tokens [rows, n]. The cache grows by them.

        Returns:
            [rows, n, vocab] the logits after each of them.
        """
