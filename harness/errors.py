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


class JobsFailed(Exception):
    """Some jobs of a sweep failed that ran one by one. What the others made is written; the command exits with 1."""


class DecodingFailed(Exception):
    """A request could not be decoded to its end: logits that are no numbers, or a strategy that raised.

    The message names model, strategy, prompt and step. The other requests of the batch go on.
    """


class StrategyFailed(DecodingFailed):
    """A strategy raised, or returned what none may: all its requests fail, and have what was raised as their cause."""


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """A sentence with what is allowed, led by the likeliest intention where there is one."""
    names = sorted(allowed)
    close = difflib.get_close_matches(word, names, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}allowed: {', '.join(names) if names else 'nothing'}"
