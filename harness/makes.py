"""What the factory of a config group has to make: said before it is called, and looked at after it was.

So nothing is called that does not say what it makes (`os.system` does not), and what is no strategy never decodes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from harness.errors import InputError


def _is(name: str) -> Callable[[type], bool]:
    """Whether a class is the one of that name, or made from it; by name, as importing it may be slow."""
    return lambda kind: any(f"{each.__module__}.{each.__qualname__}" == name for each in kind.__mro__)


def _has(*methods: str) -> Callable[[type], bool]:
    return lambda kind: all(any(name in vars(each) for each in kind.__mro__) for name in methods)


def _is_list(kind: type) -> bool:
    return issubclass(kind, Sequence) and kind is not str


_KINDS: dict[str, tuple[str, Callable[[type], bool]]] = {
    "model": ("a harness.models.base.LanguageModel", _has("prefill", "extend")),
    "prompts": ("a list of harness.prompts.Prompt", _is_list),
    "strategy": ("a harness.strategies.base.Strategy", _is("harness.strategies.base.Strategy")),
    "metrics": ("a harness.metrics.base.Metric", _is("harness.metrics.base.Metric")),
    "engine": ("a harness.engine.Engine", _has("__call__")),
    "cluster": ("a harness.cluster.base.Cluster", _has("preflight", "decode")),
    "report": ("the path of a report", lambda kind: issubclass(kind, Path)),
    "study": ("a harness.studies.base.Answer", _is("harness.studies.base.Answer")),
}


def check_factory(factory: Callable[..., Any], key: str, shown: str) -> None:
    """Raise InputError unless the factory says that it makes what the group of `key` wants.

    Args:
        factory: a class, or a function annotated with what it returns.
        key: of its node: "strategy", "metrics.mauve".
        shown: what messages begin with: "strategy.factory='os.system'".
    """
    group = key.partition(".")[0]
    if group not in _KINDS:
        return
    what, fits = _KINDS[group]
    made = _made(factory)
    if made is inspect.Parameter.empty:
        raise InputError(f"{shown}: does not say what it makes; it has to be annotated to return {what}")
    if not all(fits(kind) for kind in _classes(made)):
        raise InputError(f"{shown}: makes no {group}; it has to return {what}")


def check_made(made: Any, key: str, shown: str) -> None:
    """Raise InputError unless this, which the factory of the node `key` made, is what the key's group wants."""
    group = key.partition(".")[0]
    if group not in _KINDS:
        return
    what, fits = _KINDS[group]
    parts = made if group == "prompts" and _is_list(type(made)) else ()
    if not fits(type(made)) or not all(map(_is("harness.prompts.base.Prompt"), map(type, parts))):
        raise InputError(f"{shown}: made {made!r:.60} ({type(made).__name__}), and has to make {what}")


def _made(factory: Callable[..., Any]) -> Any:
    if inspect.isclass(factory):
        return factory
    function = inspect.unwrap(factory)
    function = function if inspect.isroutine(function) else type(function).__call__
    return get_type_hints(function).get("return", inspect.Parameter.empty)


def _classes(hint: Any) -> list[type]:
    """The classes that an annotation means; none for Any, which can only be looked at later."""
    if hint is Any or isinstance(hint, TypeVar):
        return []
    if hint is None:
        return [type(None)]
    origin = get_origin(hint)
    if origin is None:
        return [hint] if inspect.isclass(hint) else []
    if inspect.isclass(origin) and origin.__module__ != "types":  # list[Prompt], Strategy[Any]; not X | Y
        return [origin]
    return [kind for each in get_args(hint) for kind in _classes(each)]
