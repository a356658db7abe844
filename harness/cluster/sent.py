"""What a worker sends back, as plain data: nothing of a researcher's own classes has to be unpickled."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.errors import DecodingFailed, StrategyFailed

if TYPE_CHECKING:
    from harness.requests import Finish, Generation, Request


class Elsewhere(Exception):
    """An exception in a worker, as its traceback."""


@dataclass(frozen=True, eq=False)
class Sent:
    """A generation without its request."""

    number: int  # of the request
    tokens: NDArray[np.int32]
    values: NDArray[np.float32]  # [tokens, len(VALUES)]
    finish: Finish
    score: float | None
    failure: tuple[str, str] | None  # its class and message
    cause: str | None  # the traceback of what made it fail


def packed(number: int, generation: Generation) -> Sent:
    """A generation as it is sent."""
    failure = generation.failure
    cause = None if failure is None else failure.__cause__
    return Sent(
        number,
        np.array(generation.tokens, dtype=np.int32),
        generation.values,
        generation.finish,
        generation.score,
        None if failure is None else (type(failure).__name__, str(failure)),
        None if cause is None else "".join(traceback.format_exception(cause)),
    )


def unpacked(sent: Sent, request: Request) -> Generation:
    """The generation of that request as it was before it was sent; a failure's cause is its traceback."""
    from harness.requests import Generation

    failure = None
    if sent.failure is not None:
        kind, message = sent.failure
        failure = StrategyFailed(message) if kind == StrategyFailed.__name__ else DecodingFailed(message)
        failure.__cause__ = None if sent.cause is None else Elsewhere(f"in a worker:\n{sent.cause}")
    return Generation(request, tuple(sent.tokens.tolist()), sent.values, sent.finish, sent.score, failure)
