"""What callers of the API may give, read into what the harness works with; `InputError` names what cannot be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

import pandas as pd

from harness.errors import InputError
from harness.knobs import Seed, checked
from harness.loaders import load_strategy
from harness.prompts import Prompt, identified
from harness.strategies.base import Strategy


def prompts_of(given: Any) -> list[Prompt]:
    """Prompts as they are, plain texts as prompts of their own, even where a given prompt has the same text."""
    given_prompts = listed("prompts", given, (str, Prompt))
    for each in given_prompts:
        if not isinstance(each, str | Prompt):
            raise InputError(f"prompts: {each!r:.60} is neither a text nor a Prompt")
    before = [p.text for p in given_prompts if isinstance(p, Prompt)]
    texts = identified([(t, None) for t in [*before, *(p for p in given_prompts if isinstance(p, str))]])
    fresh = iter(texts[len(before) :])
    prompts = [p if isinstance(p, Prompt) else next(fresh) for p in given_prompts]
    if twice := _twice(p.id for p in prompts):
        raise InputError(f"prompts: the id {twice!r} is there twice; its draws and rows could not be told apart")
    return prompts


def strategies_of(given: Any) -> dict[str, Strategy[Any]]:
    """Label -> strategy, with the yamls of those that are named loaded."""
    if not isinstance(given, Mapping):
        names = listed("strategies", given, (str, Strategy))
        if not all(isinstance(name, str) for name in names):
            raise InputError("strategies: what is not a name needs a label, as in {'mine': strategy}")
        given = {name: name for name in names}
    if not given:
        raise InputError("there are no strategies")
    chosen = {}
    for label, each in given.items():
        if not isinstance(label, str):
            raise InputError(f"strategies: the label {label!r:.60} must be a text")
        chosen[label] = load_strategy(each) if isinstance(each, str) else each
        if not isinstance(chosen[label], Strategy):
            raise InputError(f"strategies[{label!r}]={each!r:.60}: is neither a strategy nor the name of one")
    return chosen


def seeds_of(given: Any) -> list[int]:
    """The seeds, each once."""
    seeds = [_seed(each) for each in listed("seeds", given, (Integral, str))]  # a text is refused as a whole
    if (twice := _twice(seeds)) is not None:
        raise InputError(f"seeds: {twice} is there twice, and would give the same texts twice")
    return seeds


@checked
def _seed(seed: Seed) -> int:
    return seed


def listed(what: str, given: Any, single: tuple[type, ...]) -> list[Any]:
    """What was given as a list, at least one long; a single one stands for the list of it."""
    if isinstance(given, single):
        return [given]
    if not isinstance(given, Iterable):
        raise InputError(f"{what}={given!r:.60}: must be a list")
    found = list(given)
    if not found:
        raise InputError(f"there are no {what}")
    return found


def _twice(values: Iterable[Any]) -> Any:
    return next((value for value, count in Counter(values).items() if count > 1), None)


def check_frame(what: str, frame: Any, columns: Sequence[str], *, empty: bool = False) -> None:
    """Raise InputError for what is no frame, has no rows, lacks a column, or has a `text` that is none."""
    if not isinstance(frame, pd.DataFrame):
        shown = " ".join(repr(frame).split())
        raise InputError(f"{what}={shown:.60}: must be a pandas frame")
    if frame.empty and not empty:
        raise InputError(f"there are no {what}")
    if missing := [name for name in columns if name not in frame]:
        raise InputError(f"{what}: the frame has no column {', '.join(missing)}")
    if "text" in columns and (wrong := [each for each in frame["text"] if not isinstance(each, str)]):
        raise InputError(f"{what}: the text {wrong[0]!r:.60} ({type(wrong[0]).__name__}) must be a string")
