"""Prompts given on the command line or in Python."""

from __future__ import annotations

from harness.errors import InputError
from harness.knobs import PositiveCount, checked
from harness.prompts.base import Prompt, first


@checked
def text(text: str | tuple[str, ...] | None = None, limit: PositiveCount | None = None) -> list[Prompt]:
    """One prompt, or several. The empty text is a prompt too: the model then starts from nothing (unconditional).

    Args:
        text: the prompt, or several.
        limit: how many, from the front; None: all.

    Raises:
        InputError: `text` is not given, or an empty list.
    """
    if text is None:
        raise InputError("prompts.text is not set: give a prompt, as in 'prompts.text=\"Once upon a time\"'")
    given = [text] if isinstance(text, str) else text
    return first(((one, None) for one in given), limit, "prompts.text=[]: needs at least one prompt")
