"""From text to tokens and back, for any tokenizer of transformers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from harness.errors import InputError

_BROKEN = "\ufffd"  # what decoders put for bytes that are no UTF-8
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")  # a byte-fallback token


class Text:
    """A tokenizer, with what decoding needs of it.

    Args:
        tokenizer: a transformers tokenizer; it is changed: its length warning is turned off.
        name: the model's, for messages.
    """

    def __init__(self, tokenizer: Any, name: str) -> None:
        tokenizer.model_max_length = 1 << 62  # the context is the model's to check
        self._tokenizer, self._name = tokenizer, name
        self._alone: dict[int, str] = {}  # what single tokens decode to: every text is taken apart once
        # Tokenizers of the sentencepiece kind put a space before a text and drop it when they decode. What goes on
        # after other tokens is therefore encoded and decoded after an anchor, which is then cut off.
        self._anchor: list[int] = []
        if self._decode(self._encode(" a")) != " a":
            self._anchor = self._encode("\n")

    def encode(self, text: str) -> list[int]:
        """Token ids with the tokenizer's default special tokens; no tokens at all become one bos, or eos.

        Raises:
            InputError: the text has no tokens, and the tokenizer has neither bos nor eos to start from.
        """
        tokens: list[int] = self._tokenizer(text)["input_ids"]
        if tokens:
            return tokens
        for start in (self._tokenizer.bos_token_id, self._tokenizer.eos_token_id):
            if start is not None:
                return [start]
        raise InputError(f"the prompt {text!r} has no tokens, and {self._name} has neither bos nor eos to start from")

    def continuation(self, text: str) -> list[int]:
        """Token ids of a text that goes on after other tokens: no special tokens, no space put before it."""
        tokens = self._encode("\n" + text)
        cut = len(self._anchor)
        return tokens[cut:] if self._anchor and tokens[:cut] == self._anchor else self._encode(text)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of a continuation, its first space included, special tokens left out."""
        if len(tokens) != 1:
            return self._after_anchor(tokens, skip_special=True)
        token = int(tokens[0])
        if token not in self._alone:
            self._alone[token] = self._after_anchor([token], skip_special=True)
        return self._alone[token]

    def pieces(self, tokens: Sequence[int]) -> list[str]:
        r"""The text of each token by itself; bytes that are only a part of a character are written \xe2."""
        return [self._piece(token) for token in tokens]

    def vocabulary(self) -> dict[str, int]:
        """The id of every token by its symbol, special tokens included."""
        found: dict[str, int] = self._tokenizer.get_vocab()
        return found

    def _piece(self, token: int) -> str:
        text = self._after_anchor([token], skip_special=False)
        symbol: str | None = self._tokenizer.convert_ids_to_tokens(int(token))
        if symbol is None or _BROKEN not in text:
            return text
        if byte := _BYTE.fullmatch(symbol):
            return f"\\x{byte[1].lower()}"
        byte_of = _byte_of()
        if not all(c in byte_of for c in symbol):
            return text
        return bytes(byte_of[c] for c in symbol).decode("utf-8", errors="backslashreplace")

    def _after_anchor(self, tokens: Sequence[int], *, skip_special: bool) -> str:
        start = self._decode(self._anchor, skip_special=skip_special)
        text = self._decode([*self._anchor, *tokens], skip_special=skip_special)
        return text.removeprefix(start) if text.startswith(start) else self._decode(tokens, skip_special=skip_special)

    def _encode(self, text: str) -> list[int]:
        tokens: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return tokens

    def _decode(self, tokens: Sequence[int], *, skip_special: bool = True) -> str:
        text: str = self._tokenizer.decode(
            [int(t) for t in tokens], skip_special_tokens=skip_special, clean_up_tokenization_spaces=False
        )
        return text


def check_vocabulary(tokenizer: Any, vocab: int, name: str) -> None:
    """Raise InputError where a tokenizer makes no tokens, or such as the model of that name has no logits for."""
    if not tokenizer(" a", add_special_tokens=False)["input_ids"]:
        raise InputError(f"{name}: the tokenizer makes no tokens of a text")
    largest = max(tokenizer.get_vocab().values(), default=-1)
    if largest >= vocab:
        raise InputError(f"{name}: the tokenizer has token {largest}, the model only the logits of {vocab}")


@cache
def _byte_of() -> dict[str, int]:
    """The printable character that byte-level BPE writes for each byte (Radford et al., 2019), backwards."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    return {character: byte for byte, character in bytes_to_unicode().items()}
