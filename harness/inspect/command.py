"""The command line of `python -m harness.inspect`. Imports nothing slow: --help answers at once."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NoReturn

from harness.configs import option, options
from harness.errors import InputError, did_you_mean
from harness.knobs import PositiveCount, check
from harness.prompts.base import writable

USUAL = ("greedy", "repetition_penalty", "temperature", "top_k", "top_p", "beam")
"""The strategies that are shown where none is asked for: one of each kind."""

_OVERRIDE = re.compile(r"(model|strategy)=\S*(,\s+\S+)*|(model|strategy)(\.\w+)+=.*|top=\S*", re.DOTALL)
"""Names and numbers hold no spaces: "model=3 is a" is a prompt. A knob, such as a path, may."""


@dataclass(frozen=True)
class Choice:
    """A strategy of conf/strategy, with the knobs that the command line set."""

    name: str
    node: dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """What a command line asks for."""

    prompt: str
    model: dict[str, Any]  # a node of the config, as in conf/model
    strategies: tuple[Choice, ...]
    top: int  # how many tokens are listed
    html: Path | None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """A mistake in the arguments is said as every other is."""
        raise InputError(message)


def parse(arguments: Sequence[str]) -> Asked:
    """What the arguments ask for.

    Raises:
        InputError: there is no prompt, or an argument is unknown, or names what does not exist.
    """
    parser = _Parser(
        prog="python -m harness.inspect",
        usage='%(prog)s "PROMPT" [model=NAME] [strategy=A,B] [top=10] [--html FILE]',
        description=f"""\
One step of decoding: the tokens of the prompt, the likeliest next ones, and what strategies make of them.

  model=NAME      of conf/model: {", ".join(options("model"))} (default: pocket-m);
                  its knobs as in model.name=DIR
  strategy=A,B    of conf/strategy: {", ".join(options("strategy"))}
                  (default: {", ".join(USUAL)});
                  their knobs as in strategy.top_p=0.8,0.95: every combination is shown
  top=10          how many tokens to list""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page whose sliders do the step again")
    given = parser.parse_intermixed_args(arguments)
    prompts = [word for word in given.words if not _OVERRIDE.fullmatch(word)]
    if not prompts:
        raise InputError('there is no prompt: give one in quotes, as in "The theory of relativity is"')
    if len(prompts) > 1:
        raise InputError(
            f"unknown argument {prompts[1]!r}: beside the prompt, in quotes, there may be model=, strategy=, their "
            "knobs (strategy.top_p=0.9), top= and --html"
        )
    if not writable(prompts[0]):
        raise InputError(f"the prompt {prompts[0]!r:.60} is not Unicode text")
    settings = _settings([word for word in given.words if _OVERRIDE.fullmatch(word)])
    (top,) = settings.pop("top", [10])
    return Asked(
        prompts[0],
        _model(settings),
        tuple(_strategies(settings)),
        check(_top, "top", top, f"top={top!r}"),
        given.html and _writable(given.html),
    )


def _top(top: PositiveCount) -> None:
    """The key that belongs to no group, for its type."""


def _settings(words: Sequence[str]) -> dict[str, list[Any]]:
    """Overrides as Hydra reads them: key -> its values, more than one for strategies and their knobs alone."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Glob
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    settings: dict[str, list[Any]] = {}
    for word in words:
        try:
            override = parser.parse_override(word)
            value, key = override.value(), override.key_or_group
            if isinstance(value, Glob):
                values: list[Any] = value.filter(options(key))
            elif override.is_discrete_sweep():
                each = override.sweep_string_iterator()
                values = [parser.parse_override(f"{key}={text}").value() for text in each]
            else:
                values = [value]
        except HydraException as error:
            raise InputError(f"{word}: cannot be read ({str(error).splitlines()[0]})") from None
        if not values:
            raise InputError(f"{word}: names nothing; allowed: {', '.join(options(key))}")
        if len(values) != 1 and not key.startswith("strategy"):
            raise InputError(f"{word}: one step has one {key}; several values are for strategies and their knobs")
        if key in settings:
            raise InputError(f"{word}: {key} is set twice")
        settings[key] = values
    return settings


def _model(settings: dict[str, list[Any]]) -> dict[str, Any]:
    """The node of the model; its settings leave `settings`."""
    (name,) = settings.pop("model", ["pocket-m"])
    knobs = {key: settings.pop(key)[0] for key in list(settings) if key.startswith("model.")}
    return option("model", str(name)) | {key.removeprefix("model."): value for key, value in knobs.items()}


def _strategies(settings: dict[str, list[Any]]) -> list[Choice]:
    """Every strategy with every combination of the values of its knobs."""
    names = settings.pop("strategy", None)
    if names is None and settings:
        key, values = next(iter(settings.items()))
        raise InputError(f"{key}={values[0]}: of which strategy? as in strategy=top_p strategy.top_p=0.95")
    knobs = [key.removeprefix("strategy.") for key in settings]
    chosen = []
    for name in map(str, names or USUAL):
        node = option("strategy", name)
        for knob in knobs:
            if knob not in node:
                allowed = [each for each in node if each != "factory"]
                value = settings[f"strategy.{knob}"][0]
                raise InputError(f"unknown key strategy.{knob}={value!r} of {name}: {did_you_mean(knob, allowed)}")
        chosen += [Choice(name, node | dict(zip(knobs, each, strict=True))) for each in product(*settings.values())]
    return chosen


def _writable(file: Path) -> Path:
    """The file of the page, if it can be written.

    Raises:
        InputError: it is a folder, or in none.
    """
    if file.is_dir():
        raise InputError(f"--html {file}: is a folder; name a file in it")
    if not file.absolute().parent.is_dir():
        raise InputError(f"--html {file}: there is no folder {file.absolute().parent}")
    return file
