"""A prompt, and what identifies it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2s
from itertools import islice

from harness.errors import InputError


@dataclass(frozen=True, slots=True)
class Prompt:
    """A given text and, where there is one, the human continuation of it."""

    id: str  # stable, from the content alone
    text: str
    reference: str | None = None  # begins as the continuation would: usually with a space


def identified(pairs: Iterable[tuple[str, str | None]]) -> list[Prompt]:
    """(text, reference) pairs as prompts. The id is a hash of the text; the k-th repeat of a text adds `-k`.

    Raises:
        InputError: a text that UTF-8 cannot write (half of a surrogate pair), which no result file could hold.
    """
    seen: Counter[str] = Counter()
    prompts = []
    for text, reference in pairs:
        for part in (text, reference or ""):
            if not writable(part):
                raise InputError(f"prompt {part!r:.60}: holds half of a surrogate pair, which is not Unicode text")
        digest = prompt_id(text)
        prompts.append(Prompt(digest if not seen[digest] else f"{digest}-{seen[digest] + 1}", text, reference))
        seen[digest] += 1
    return prompts


def prompt_id(text: str) -> str:
    """The id of the first prompt of this text: a hash."""
    return blake2s(text.encode(), digest_size=6).hexdigest()


def first(pairs: Iterable[tuple[str, str | None]], limit: int | None, complaint: str) -> list[Prompt]:
    """The first `limit` of the pairs (None: all) as prompts; nothing behind them is read.

    Raises:
        InputError: there are none; `complaint` is the message.
    """
    prompts = identified(islice(pairs, limit))
    if not prompts:
        raise InputError(complaint)
    return prompts


def writable(text: str) -> bool:
    """Whether UTF-8 can write it: half of a surrogate pair, which JSON can hold, it cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
