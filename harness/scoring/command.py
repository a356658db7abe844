"""The command line of `python -m harness.score`. Imports nothing slow: --help answers at once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from harness.configs import options
from harness.errors import InputError, did_you_mean
from harness.exits import exits
from harness.scoring.choice import usual

_OPTIONS: dict[str, dict[str, Any]] = {
    "--text-column": {
        "default": "generation",
        "help": "the continuations, without prompts (default: %(default)s)",
    },
    "--prompt-column": {
        "help": "the unit of resampling: texts of equal prompts stay together (default: prompt or prefix, where there "
        "is one; '': none, every text by itself)"
    },
    "--reference-column": {
        "help": "human continuations, which get a row of their own (default: reference, where there is one; '': none)"
    },
    "--metrics": {
        "metavar": "A,B",
        "help": "of those below (default: {usual}, as far as what is given allows; mauve with --featurizer)",
    },
    "--compat": {"metavar": "PROJECT", "help": "the number of this project's published code, quirks included"},
    "--unit": {"metavar": "tokens|words", "help": "what is counted (default: words where texts have no tokens)"},
    "--tokenizer": {
        "metavar": "NAME-or-DIR",
        "help": "count the tokens of this one: a model's of conf/model, or that in a local directory",
    },
    "--model": {
        "metavar": "NAME-or-DIR",
        "help": "the model that wrote the texts: its tokens, and what it makes of each, given the prompt",
    },
    "--scorer": {"help": "a model of conf/model to read the texts, for the metrics that take one"},
    "--featurizer": {"help": "the model of conf/model whose hidden states MAUVE compares"},
    "--set": {
        "metavar": "KEY=VALUE",
        "action": "append",
        "default": [],
        "help": "a knob of a metric, as in metrics.repetition.average=micro; may be repeated",
    },
    "--out": {
        "metavar": "DIR",
        "type": Path,
        "help": "write scores.json of every file, table.csv, table.md, table.tex, gaps.csv and about.json there",
    },
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """A mistake in the arguments is said as every other is."""
        raise InputError(message)


def main(arguments: Sequence[str] | None = None) -> None:
    """Score files; exit with 1 and one sentence for a mistake, with 130 if interrupted."""
    with exits():
        given = parse(sys.argv[1:] if arguments is None else arguments)
        from harness.scoring.run import run

        run(given)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments, by their names.

    Raises:
        InputError: one is unknown or missing.
    """
    parser = _Parser(
        prog="python -m harness.score",
        description="Score texts that anybody generated; several files are compared.",
        epilog=f"Metrics: {', '.join(options('metrics'))}; conf/metrics has their knobs. The first of several files is "
        "the baseline of the tests, which pair the texts of equal prompts. Without prompts the i-th texts of all files "
        "count as continuations of one prompt.",
        allow_abbrev=False,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help=".jsonl, .csv or .parquet: a text per row")
    for flag, option in _OPTIONS.items():
        said = option["help"].replace("{usual}", ", ".join(usual()))
        metavar = {} if "metavar" in option else {"metavar": "NAME"}
        parser.add_argument(flag, **(option | metavar | {"help": said}))
    known, rest = parser.parse_known_intermixed_args(arguments)
    if rest:
        raise InputError(f"unknown argument {rest[0]}: {did_you_mean(rest[0].partition('=')[0], _OPTIONS)}")
    known.command = arguments
    return known
