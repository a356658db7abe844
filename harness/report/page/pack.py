"""Many texts in few bytes: the blocks inside the page, which static/store.js reads.

Texts are JSON; the numbers of all their tokens are 16-bit integers. Both are deflated and written in base64, in chunks
of some prompts each, so that a browser unpacks only what is looked at.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from harness.report.page.texts import Entry, Text, Values

LEVELS = 4000
"""Steps of a surprisal or an entropy: code c stands for top × (c / LEVELS)². Small ones are kept finer than large."""

INFINITE, UNKNOWN = 65534, 65535  # codes of their own
TOKENS = 60_000
"""A chunk is full once it has so many tokens."""


def embed(value: Any) -> Markup:
    """JSON that may stand in a script element: it holds no <, > and &, and nothing beyond ASCII."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)


def chunks(entries: Sequence[Entry], tokens: int = TOKENS) -> list[list[Entry]]:
    """Neighbouring prompts together, of at least so many tokens."""
    made: list[list[Entry]] = []
    held = tokens
    for entry in entries:
        if held >= tokens:
            made.append([])
            held = 0
        made[-1].append(entry)
        held += entry.tokens
    return made


def largest(entries: Sequence[Entry]) -> tuple[float, float]:
    """The largest finite surprisal and entropy: the tops of their scales."""

    def top(values: list[Values]) -> float:
        finite = [float(v[np.isfinite(v)].max(initial=0.0)) for v in values]
        return max(finite, default=0.0) or 1.0

    texts = [text for entry in entries for text in entry.texts]
    return top([text.surprisal for text in texts]), top([text.entropy for text in texts])


def block(entries: Sequence[Entry], tops: tuple[float, float]) -> dict[str, str]:
    """A chunk: `texts`, and `numbers`: five planes of high bytes and low bytes, each of all tokens in their order.

    A text is [source, sample, text, finish, tokens, tokens that have numbers, loop's onset, loop's period, its
    repeats]; without a loop, the last three are missing.
    """
    rows = [[entry.prompt, [_row(text) for text in entry.texts]] for entry in entries]
    texts = [text for entry in entries for text in entry.texts]
    planes = [
        _joined([text.lengths for text in texts]),
        _codes(_joined([text.surprisal for text in texts]), tops[0]),
        _codes(_joined([text.entropy for text in texts]), tops[1]),
        _ranks(_joined([text.rank for text in texts])),
        _joined([text.repeated for text in texts]),
    ]
    numbers = b"".join(
        part.astype(np.uint8).tobytes() for plane in planes for part in (plane.astype(np.uint16) >> 8, plane % 256)
    )
    return {
        "texts": _squeezed(json.dumps(rows, separators=(",", ":")).encode()),
        "numbers": _squeezed(numbers, zlib.Z_RLE),  # numbers repeat as runs, if at all: searching for more costs time
    }


def _row(text: Text) -> list[int | str]:
    loop = [text.loop.onset, text.loop.period, text.loop.repeats] if text.loop else []
    return [text.source, text.sample, text.text, text.finish, text.count, len(text.lengths), *loop]


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0)


def _codes(values: Values, top: float) -> NDArray[np.int64]:
    shown = np.clip(np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0), 0, top)
    codes = np.rint(LEVELS * np.sqrt(shown / top)).astype(np.int64)
    return np.where(np.isnan(values), UNKNOWN, np.where(np.isposinf(values), INFINITE, codes))


def _ranks(values: Values) -> NDArray[np.int64]:
    ranks = np.clip(np.nan_to_num(values, nan=0.0, posinf=INFINITE), 0, INFINITE).astype(np.int64)
    return np.where(np.isnan(values), UNKNOWN, ranks)


def _squeezed(data: bytes, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> str:
    deflate = zlib.compressobj(level=6, memLevel=9, strategy=strategy)
    return b64encode(deflate.compress(data) + deflate.flush()).decode("ascii")
