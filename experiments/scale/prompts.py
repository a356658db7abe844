"""Prompts and references in any number: words of the embedded fables, in random order."""

from __future__ import annotations

import json
import random
from pathlib import Path

WORDS = (4, 12)
"""Of a prompt, both ends included."""

REFERENCE = 24
"""Words of a reference: more than 16 tokens of any model."""


def write(path: Path, count: int, seed: int = 0) -> None:
    """Write so many prompts, no two alike, with references, to a .jsonl file."""
    from harness.loaders import load_prompts

    rng, seen = random.Random(seed), set[str]()
    words = [word for p in load_prompts("fables") for word in f"{p.text}{p.reference}".split()]
    while len(seen) < count:
        seen.add(" ".join(rng.choices(words, k=rng.randint(*WORDS))))
    records = [{"prompt": text, "reference": " " + " ".join(rng.choices(words, k=REFERENCE))} for text in sorted(seen)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
