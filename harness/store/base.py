"""What a store of generations promises."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # it brings torch, which a look at a store does not need
    from harness.requests import Finish


@dataclass(frozen=True, eq=False)
class Stored:
    """What decoding a request gave; its key stands for the request itself (`harness.identity`)."""

    tokens: tuple[int, ...]
    values: NDArray[np.float32]  # [tokens, len(VALUES)]
    finish: Finish
    score: float | None


class Store(Protocol):
    """Generations by key, on disk. Several processes may read and write one store at once; one thread of each.

    A key is 32 bytes. An entry is there whole or not at all, whatever happens to its writer: each stands for itself, so
    of several put at once some may be there and others not. What a crash, a full disk or another program broke is found
    by its checksum.
    """

    def get(self, keys: Collection[bytes]) -> dict[bytes, Stored]:
        """The entries that are there and whole.

        One that is not whole is left out, counted in `broken`, and removed where that can be done.

        Raises:
            InputError: the store cannot be read at all; the message names it.
        """

    def put(self, entries: Mapping[bytes, Stored]) -> None:
        """Add entries; one that is there already stays as it is. On disk when it returns.

        Raises:
            InputError: the disk is full, or the store cannot be written or is damaged; the message names it.
            ValueError: a generation failed, or is none; nothing is added.
        """

    def all_keys(self) -> Iterator[bytes]:
        """The keys of all entries, whole or not, in any order.

        Raises:
            InputError: the store cannot be read.
        """

    @property
    def broken(self) -> int:
        """How many entries `get` has found that are not whole."""

    def __len__(self) -> int:
        """How many entries there are, whole or not."""

    def size(self) -> int:
        """How many bytes its files have."""

    def close(self) -> None:
        """Let go of files."""
