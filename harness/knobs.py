"""Knobs: the checked keyword arguments of a factory, from Python and from yaml alike.

A knob's type says its range (`TopP = Annotated[float, Field(gt=0, le=1)]`). `checked` makes a factory refuse values
outside it; `build` does the same for a yaml node, and names the node's key.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import operator
from collections.abc import Callable, Mapping
from numbers import Integral
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from harness.errors import InputError, did_you_mean
from harness.makes import check_factory, check_made

P = ParamSpec("P")
R = TypeVar("R")

Temperature = Annotated[float, Field(ge=0, allow_inf_nan=True)]
Share = Annotated[float, Field(gt=0, le=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Cutoff = Annotated[float, Field(ge=0, lt=1)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
PositiveCount = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]  # result files hold it in 64 bits

_STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True)


def checked(factory: Callable[P, R]) -> Callable[P, R]:
    """Make `factory` raise `InputError` for an argument outside its annotated type or range."""

    @functools.wraps(factory)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = inspect.signature(factory).bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            bound.arguments[name] = check(factory, name, value, f"{name}={value!r}")
        return factory(*bound.args, **bound.kwargs)

    return call


def neutral(*knobs: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a factory with those of its knobs that are no part of a generation's key (`harness.identity`).

    Of an engine: the same tokens up to float ties, whatever they, threads and processors are. Of a model: what they
    change shows in the loaded model (`identity.traits`). Of a factory that is not marked all knobs are in the key.
    """

    def mark(factory: Callable[P, R]) -> Callable[P, R]:
        factory.neutral = knobs  # type: ignore[attr-defined]
        return factory

    return mark


def build(node: Mapping[str, Any], key: str, **given: Any) -> Any:
    """Call the factory that a yaml node names with the node's other keys.

    Args:
        node: holds `factory`, the dotted path of a callable, and that callable's keyword arguments.
        key: the node's key in the config, for messages: "strategy", "metrics.mauve".
        **given: arguments that the program supplies where the factory wants them; a node cannot set them.

    Raises:
        InputError: the factory cannot be imported, or makes something else than the key's group wants; a key is unknown
            or missing; a value has the wrong type or range.
    """
    made = _bind(node, key, given)()
    check_made(made, key, f"{key}.factory={node['factory']!r}")
    return made


def verify(node: Mapping[str, Any], key: str, **given: Any) -> None:
    """Raise what `build` would raise for the node itself, without calling the factory."""
    _bind(node, key, given)


def _bind(node: Mapping[str, Any], key: str, given: Mapping[str, Any]) -> functools.partial[Any]:
    if not isinstance(node, Mapping):
        raise InputError(f"{key}={node!r}: must be a mapping of a factory and its arguments")
    knobs = {str(name): value for name, value in node.items()}
    path = knobs.pop("factory", None)
    if not isinstance(path, str):
        raise InputError(f"{key}.factory={path!r}: must be the dotted path of a callable")
    factory = import_path(path, f"{key}.factory")
    try:
        parameters = inspect.signature(factory).parameters
        _hints(inspect.unwrap(factory))
        check_factory(factory, key, f"{key}.factory={path!r}")
    except InputError:  # which is a ValueError
        raise
    except (NameError, TypeError, ValueError) as error:  # built-in types; annotations that name what is not imported
        raise InputError(f"{key}.factory={path!r}: its arguments cannot be told ({error})") from error
    for name, value in knobs.items():
        if name not in parameters or name in given:
            allowed = [p for p in parameters if p not in given]
            raise InputError(f"unknown key {key}.{name}={value!r}: {did_you_mean(name, allowed)}")
        knobs[name] = check(factory, name, value, f"{key}.{name}={value!r}")
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in knobs and name not in given:
            raise InputError(f"missing key {key}.{name}: {path}() needs it")
    return functools.partial(factory, **knobs, **{k: v for k, v in given.items() if k in parameters})


def import_path(path: str, key: str) -> Callable[..., Any]:
    """The callable at a dotted path; `key` is named in the message when there is none."""
    module, _, attribute = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, TypeError, ValueError) as error:  # TypeError: the path begins with a dot
        raise InputError(f"{key}={path!r}: cannot be imported ({error})") from error
    except Exception as error:  # a file of the user's own, with a mistake in it
        raise InputError(f"{key}={path!r}: cannot be imported ({type(error).__name__}: {error})") from error
    if not callable(found):
        raise InputError(f"{key}={path!r}: is not callable")
    return found  # type: ignore[no-any-return]


def check(factory: Callable[..., Any], name: str, value: Any, shown: str) -> Any:
    """`value` as the type that `factory` annotates `name` with.

    Raises:
        InputError: it is not of that type, or out of its range; the message begins with `shown`.
    """
    factory = inspect.unwrap(factory)
    if name not in _hints(factory):
        return value
    try:
        return _adapter(factory, name).validate_python(_plain(value))
    except ValidationError as error:
        choices = [kind for kind in _union(_hints(factory)[name]) if kind is not NoneType]
        if len(choices) > 1:  # pydantic has a complaint for each of them
            raise InputError(f"{shown}: allowed: {_one_of(_hints(factory)[name])}") from None
        reasons = "; ".join(
            "".join(f"[{part}]" for part in e["loc"])
            + " " * bool(e["loc"])
            + e["msg"][0].lower()
            + e["msg"][1:].replace("valid tuple", "list")
            for e in error.errors(include_url=False)
        )
        allowed = _range(_hints(factory)[name])
        raise InputError(f"{shown}: {reasons}{f' (allowed: {allowed})' if allowed else ''}") from None


def _plain(value: Any) -> Any:
    """Lists, as yaml writes them, are tuples to a factory: a strategy has to be hashable. NumPy's integers are ints."""
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    return operator.index(value) if isinstance(value, Integral) and not isinstance(value, bool) else value


def _union(hint: Any) -> tuple[Any, ...]:
    """The types that a union is of; none for any other type."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else ()


def _one_of(hint: Any) -> str:
    """What a union allows, as one writes it in yaml: "true, false or 'never'"."""
    *some, last = [word for kind in _union(hint) for word in _words(kind)]
    return f"{', '.join(some)} or {last}"


def _words(kind: Any) -> list[str]:
    """What one type of a union allows, in one word or several."""
    if get_origin(kind) is Literal:
        return list(map(repr, get_args(kind)))
    if get_origin(kind) is Annotated:
        *some, last = _words(get_args(kind)[0])
        return [*some, f"{last} ({bounds})" if (bounds := _range(kind)) else last]
    origin = get_origin(kind) or kind
    if origin is tuple and get_args(kind)[:1] == (str,):
        return ["a list of strings"]
    return list(_WORDS.get(origin, (getattr(origin, "__name__", str(origin)),)))


_WORDS: dict[Any, tuple[str, ...]] = {
    bool: ("true", "false"),
    int: ("an integer",),
    float: ("a number",),
    str: ("a string",),
    tuple: ("a list",),
    dict: ("a mapping",),
    NoneType: ("null",),
}


def _range(hint: Any) -> str:
    """What a knob's annotation allows, as one writes it: "0 < value <= 1"; empty where it bounds nothing."""
    bounds = [each for field in getattr(hint, "__metadata__", ()) for each in getattr(field, "metadata", ())]
    lower = next((f"{b.gt} < " for b in bounds if hasattr(b, "gt")), "")
    lower = next((f"{b.ge} <= " for b in bounds if hasattr(b, "ge")), lower)
    upper = next((f" < {b.lt}" for b in bounds if hasattr(b, "lt")), "")
    upper = next((f" <= {b.le}" for b in bounds if hasattr(b, "le")), upper)
    return f"{lower}value{upper}" if lower or upper else ""


@functools.cache
def _hints(factory: Callable[..., Any]) -> dict[str, Any]:
    hints = get_type_hints(factory.__init__ if inspect.isclass(factory) else factory, include_extras=True)
    return {name: hint for name, hint in hints.items() if name != "return"}


@functools.cache
def _adapter(factory: Callable[..., Any], name: str) -> TypeAdapter[Any]:
    return TypeAdapter(_hints(factory)[name], config=_STRICT)
