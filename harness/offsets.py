"""Where in a text its tokens end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

_BROKEN = "\ufffd"  # what decoders put for bytes that are not, or not yet, a character


def ends(decode: Callable[[Sequence[int]], str], tokens: Sequence[int], text: str) -> NDArray[np.int32]:
    """[tokens] how many characters of `text` are there once each token is decoded: they never fall, and end at all.

    Token i wrote `text[ends[i - 1] : ends[i]]`. Of tokens that share a character, all but the last wrote nothing, and
    nothing is written by special tokens.

    Args:
        decode: the model's own.
        tokens: of the text.
        text: what `decode` makes of them.
    """
    found = _walk(decode, tokens, text, forget=True)
    if tokens and found[-1] != len(text):  # the decoder looks further back than to the last whole character
        found = _walk(decode, tokens, text, forget=False)
    return np.array(found, dtype=np.int32)


def _walk(decode: Callable[[Sequence[int]], str], tokens: Sequence[int], text: str, *, forget: bool) -> list[int]:
    """How far what has been decoded agrees with the text, token by token.

    With `forget`, what lies before a whole character is not decoded again: most tokens are then decoded by themselves.
    """
    found: list[int] = []
    first = start = reached = 0  # the first token that is decoded again, and where in the text it begins
    for last in range(len(tokens)):
        made = decode(tokens[first : last + 1])
        whole = text.startswith(made, start)
        reached = max(reached, start + (len(made) if whole else _shared(made, text[start:])))
        found.append(reached)
        if forget and whole and not made.endswith(_BROKEN):
            first, start = last + 1, reached
    return found


def _shared(one: str, other: str) -> int:
    """How many characters two texts have in common from their beginnings on."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
