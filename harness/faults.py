"""What is said of a request that cannot be decoded to its end, and where in a strategy's own code it went wrong."""

from __future__ import annotations

import math
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from traceback import format_exception, walk_tb

import numpy as np

from harness.errors import DecodingFailed, StrategyFailed
from harness.memory import out_of_memory
from harness.requests import Generation, Request
from harness.strategies.base import VALUES

_HARNESS = Path(__file__).parent
_INSTALLED = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")]


def unreadable(model: str, companion: str | None, peak: float, request: Request, step: int) -> DecodingFailed:
    """The failure of a request with a row whose logits are no distribution.

    Args:
        model: its name.
        companion: the name of the strategy's companion, if the logits are its.
        peak: the largest logit of that row: NaN, inf or -inf.
        request: whose row it is.
        step: how many tokens it has.
    """
    what = "NaN" if math.isnan(peak) else "infinite" if peak > 0 else "all -inf"
    whose = "logits" if companion is None else f"logits of the companion {companion}"
    return DecodingFailed(f"{model}: {whose} are {what} for {_who(request)}, at step {step}")


def raised(model: str, error: Exception, requests: Sequence[Request], step: int) -> list[StrategyFailed]:
    """The failures of requests whose strategy raised, caused by that error just caught.

    The traceback is a note of theirs, as text: a real one would keep every frame up to the first, and with them the
    cache and the logits of a batch that may have to go for lack of memory. And a text passes between processes.
    """
    line = line_of(error)
    said = f"{type(error).__name__}: {error}{f' ({line})' if line else ''}"
    note = "".join(format_exception(error)).rstrip()
    for each in _chain(error):
        each.__traceback__ = None
    failures = []
    for request in requests:
        failure = StrategyFailed(f"{model}: {said}, for {_who(request)}, at step {step}")
        failure.__cause__ = error
        failure.add_note(note)
        failures.append(failure)
    return failures


def given_up(model: str, first: StrategyFailed, request: Request) -> StrategyFailed:
    """The failure of a request that ends because another one's strategy, which is also its own, has raised."""
    failure = StrategyFailed(f"{model}: given up for {_who(request)}: {first}")
    failure.__cause__ = first.__cause__
    return failure


def deserted(model: str, workers: int, reason: str, request: Request) -> DecodingFailed:
    """The failure of a request over which so many workers were lost, the last for this reason."""
    return DecodingFailed(f"{model}: {workers} workers were lost in a row over {_who(request)}; the last: {reason}")


def untouched(request: Request, failure: DecodingFailed) -> Generation:
    """What comes of a request that has failed before its first token."""
    return Generation(request, (), np.empty((0, len(VALUES)), np.float32), "failed", None, failure)


def completed(generations: Iterable[Generation]) -> Iterator[Generation]:
    """The generations as they come.

    Raises:
        DecodingFailed: of the first that failed; it has what the strategy raised as its cause.
    """
    for generation in generations:
        if generation.failure is not None:
            raise generation.failure
        yield generation


def lack_of_memory(error: BaseException) -> BaseException | None:
    """The error itself, or the one that it came of, that says that memory ran out; None: it has another reason."""
    return next((each for each in _chain(error) if out_of_memory(each)), None)


def line_of(error: BaseException) -> str | None:
    """The innermost line outside of the harness that an error came through: "folder/rule.py:31"; None: there is none.

    Code that is installed, as torch is, counts only where there is no other.
    """
    others: list[tuple[Path, int]] = []
    for each in _chain(error):
        lines = [(Path(frame.f_code.co_filename), number) for frame, number in walk_tb(each.__traceback__)]
        outside = [
            (path, n) for path, n in lines if _HARNESS not in path.parents and not path.name.startswith("<frozen")
        ]
        own = [(path, n) for path, n in outside if not any(folder in path.parents for folder in _INSTALLED)]
        if own:
            return _line(*own[-1])
        others += outside
    return _line(*others[-1]) if others else None


def _line(path: Path, number: int) -> str:
    return f"{'/'.join(path.parts[-2:])}:{number}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that it came of."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _who(request: Request) -> str:
    """The request in words."""
    text = request.prompt.text
    begin = f"{text[:40]!r}{'…' if len(text) > 40 else ''}"
    named = f"strategy {type(request.strategy).__name__}, prompt {request.prompt.id} ({begin})"
    return f"{named}, seed {request.seed}, sample {request.sample}"
