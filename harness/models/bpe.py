"""Byte-level byte-pair encoding (Sennrich et al., 2016; over bytes: Radford et al., 2019, section 2.2), from its files.

A text is cut into pieces by GPT-2's pattern, a piece into the bytes of its UTF-8, and the bytes are merged pair by
pair. The files write each byte as one printable character, so that a merge is a line of two words.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import regex  # type: ignore[import-untyped]

from harness.errors import InputError

PATTERN = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
"""GPT-2's: contractions, then letters, digits and other signs, each with one space before it, then white space of which
the last before a word is left to that word. What a letter is depends on the edition of Unicode: the regex package knows
characters that tokenizers, with an older edition, takes for signs."""

NAMES = (("encoder.json", "vocab.bpe"), ("vocab.json", "merges.txt"))
"""The files of a vocabulary and its merges, as OpenAI named them and as transformers does."""


class BPE:
    """The encoder and decoder of one vocabulary.

    Special tokens are ordinary text to `encode`: "<|endoftext|>" becomes several tokens, as in OpenAI's encoder.

    Args:
        vocab: token -> id; a token is written in the characters of `characters`.
        merges: pairs of tokens, the first the one to be merged first.

    Raises:
        InputError: a byte, or what a merge makes, is not in the vocabulary.
    """

    def __init__(self, vocab: Mapping[str, int], merges: Iterable[tuple[str, str]]) -> None:
        self.vocab, self.tokens = dict(vocab), {i: token for token, i in vocab.items()}
        self.ranks = {pair: rank for rank, pair in enumerate(merges)}
        for symbol in (*characters(), *map("".join, self.ranks)):
            if symbol not in self.vocab:
                raise InputError(f"the merges make {symbol!r}, which the vocabulary of {len(self.vocab)} does not have")
        self._byte_of = {character: byte for byte, character in enumerate(characters())}
        self._known: dict[str, list[int]] = {}  # pieces recur: most are words

    @classmethod
    def read(cls, folder: Path) -> BPE:
        """The vocabulary in a folder: encoder.json and vocab.bpe, or vocab.json and merges.txt.

        Raises:
            InputError: the folder has neither, or they cannot be read.
        """
        for vocab, merges in NAMES:
            if (folder / vocab).is_file() and (folder / merges).is_file():
                try:
                    lines = (folder / merges).read_text(encoding="utf-8").split("\n")
                    pairs = [line.split(" ") for line in lines if line and not line.startswith("#version")]
                    return cls(json.loads((folder / vocab).read_text(encoding="utf-8")), [(a, b) for a, b in pairs])
                except (OSError, ValueError, AttributeError) as error:
                    raise InputError(f"{folder}: {vocab} and {merges} cannot be read ({error})") from None
        raise InputError(f"{folder}: has neither {' nor '.join(map(' with '.join, NAMES))}")

    def encode(self, text: str) -> list[int]:
        """The token ids of a text.

        Raises:
            InputError: the text holds half of a surrogate pair, which UTF-8 cannot write.
        """
        tokens: list[int] = []
        for piece in PATTERN.findall(text):
            if piece not in self._known:
                self._known[piece] = [self.vocab[token] for token in self._merged(piece)]
            tokens += self._known[piece]
        return tokens

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of token ids; bytes that are no UTF-8 become U+FFFD.

        Raises:
            InputError: there is no token of an id.
        """
        return b"".join(map(self.bytes_of, tokens)).decode("utf-8", errors="replace")

    def bytes_of(self, token: int) -> bytes:
        """The bytes that a token stands for; those of a special token are its name's."""
        if token not in self.tokens:
            raise InputError(f"token {token}: the vocabulary has {len(self.tokens)}")
        written = self.tokens[token]
        if not all(character in self._byte_of for character in written):
            return written.encode()
        return bytes(self._byte_of[character] for character in written)

    def _merged(self, piece: str) -> list[str]:
        """The tokens of a piece: its bytes, of which the pair with the lowest rank is merged until none has any."""
        try:
            parts = [characters()[byte] for byte in piece.encode()]
        except UnicodeEncodeError as error:
            raise InputError(f"the text {piece!r} cannot be written in UTF-8 ({error.reason})") from None
        while len(parts) > 1:
            ranks = [self.ranks.get(pair, len(self.ranks)) for pair in pairwise(parts)]
            best = min(ranks)
            if best == len(self.ranks):
                break
            parts = _joined(parts, ranks, best)
        return parts


def _joined(parts: list[str], ranks: list[int], best: int) -> list[str]:
    """The parts with every pair of rank `best` as one, from the left: of three equal parts the first two."""
    joined: list[str] = []
    i = 0
    while i < len(parts):
        two = i < len(ranks) and ranks[i] == best
        joined.append(parts[i] + parts[i + 1] if two else parts[i])
        i += 1 + two
    return joined


@cache
def characters() -> tuple[str, ...]:
    """The character that stands for each byte: itself where Latin-1 prints it, else one from U+0100 on, in order."""
    printed = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = iter(range(256, 512))
    return tuple(chr(byte if byte in printed else next(others)) for byte in range(256))
