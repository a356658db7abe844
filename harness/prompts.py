"""Prompts: where they come from, and what identifies them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2s


@dataclass(frozen=True, slots=True)
class Prompt:
    """A given text and, where there is one, the human continuation of it."""

    id: str  # stable, from the content alone
    text: str
    reference: str | None = None  # begins as the continuation would: usually with a space


def identified(pairs: Iterable[tuple[str, str | None]]) -> list[Prompt]:
    """(text, reference) pairs as prompts. The id is a hash of the text; the k-th repeat of a text adds `-k`."""
    seen: Counter[str] = Counter()
    prompts = []
    for text, reference in pairs:
        digest = blake2s(text.encode(), digest_size=6).hexdigest()
        prompts.append(Prompt(digest if not seen[digest] else f"{digest}-{seen[digest] + 1}", text, reference))
        seen[digest] += 1
    return prompts
