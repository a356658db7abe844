"""What ends a command with one sentence: a user's mistake, or a check that does not hold."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave cannot be used. The message says which key or file, what it holds, and what is allowed.

    The command line prints it without a traceback and exits with 1.
    """


class ChecksFailed(Exception):
    """What an experiment checks does not hold. Everything is written; the command exits with 1."""


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """A sentence with what is allowed, led by the likeliest intention where there is one."""
    names = sorted(allowed)
    close = difflib.get_close_matches(word, names, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}allowed: {', '.join(names) if names else 'nothing'}"
