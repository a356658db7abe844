"""Prompt sets that come with the harness: nothing is downloaded for them."""

from __future__ import annotations

from pathlib import Path

from harness.knobs import PositiveCount, checked
from harness.prompts.base import Prompt
from harness.prompts.files import files

_DATA = Path(__file__).parents[1] / "data"


@checked
def fables(limit: PositiveCount | None = None) -> list[Prompt]:
    """288 short tales in the manner of fables and fairy tales, written for this project, each cut after 10 to 14 words.

    The references are the rest of each tale, 60 to 120 words with its prompt. Four manners (beasts, village folk,
    magic, children and things) take turns, so that the first few are already varied.

    Args:
        limit: how many, from the front; None: all.
    """
    return files(str(_DATA / "fables.jsonl"), limit=limit)


@checked
def notebooks(limit: PositiveCount | None = None) -> list[Prompt]:
    """The nine prompts of the GPT-2 course notebooks, as they are worded there. They have no references.

    Args:
        limit: how many, from the front; None: all.
    """
    return files(str(_DATA / "notebooks.txt"), limit=limit)
