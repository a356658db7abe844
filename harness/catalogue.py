"""python -m harness.catalogue: every strategy with its knobs, its source and what it was checked against.

The README's table is this one: `--write README.md` puts it between its two marks there.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.configs import CONF, option, options
from harness.exits import exits
from harness.knobs import import_path

BEGIN, END = "<!-- strategies: made by make docs -->", "<!-- end of strategies -->"


@dataclass(frozen=True)
class Entry:
    """One strategy."""

    name: str  # of its yaml
    line: str  # what it is, with its paper
    knobs: str  # its own, with their values
    source: str
    oracle: str


def entry(name: str) -> Entry:
    """What the yaml and the docstrings say of a strategy.

    A yaml of the `sample` family turns one knob on; what it says of itself is in that transform's docstring.
    """
    path = CONF / "strategy" / f"{name}.yaml"
    line = path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ").rstrip()
    node = option("strategy", name)
    base = {"harness.strategies.sampling.sample": "sample", "harness.strategies.sampling.greedy": "greedy"}
    family = base.get(node["factory"])
    usual: Mapping[str, Any] = {} if family in (None, name) else option("strategy", str(family))
    own = {k: v for k, v in node.items() if k != "factory" and not (usual and usual.get(k) == v)}
    off = option("strategy", "sample")  # knobs that many strategies share; in `sample` all are off
    shown = {k: v for k, v in own.items() if k not in off or off[k] != v}
    about = _about(name, own, node["factory"], whole=not usual)
    knobs = ", ".join(f"`{k}={_value(v)}`" for k, v in shown.items())
    return Entry(name, line, knobs or "those of `sample`, off", *about)


def _about(name: str, knobs: Mapping[str, Any], factory: str, *, whole: bool) -> tuple[str, str]:
    """Source and oracle: of the factory, or of the transform that the yaml turns on."""
    from harness import transforms

    if whole:
        told: Any = import_path(factory, "strategy.factory")
    else:
        words = [w for k in knobs for w in (k, *(k.rsplit("_", n)[0] for n in range(1, k.count("_") + 1)))]
        told = next(t for w in (name, *words) if (t := getattr(transforms, w, None)) is not None)
    doc = inspect.getdoc(told) or ""
    return _line(doc, "Source", name), _line(doc, "Oracle", name)


def _line(doc: str, word: str, name: str) -> str:
    found = re.search(rf"^{word}: (.+?)(?=\n\n|\n[A-Z][a-z]+: |\n[A-Z][a-z]+:\n|\Z)", doc, re.DOTALL | re.MULTILINE)
    if found is None:
        raise LookupError(f"the docstring of strategy {name} has no line '{word}: ...'")
    return " ".join(found.group(1).split()).rstrip(".")


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{…}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def table() -> str:
    """All strategies as a Markdown table."""
    rows = ["| strategy | what it is | knobs | source | checked against |", "|---|---|---|---|---|"]
    for name in options("strategy"):
        e = entry(name)
        cells = (f"`{e.name}`", e.line, e.knobs, e.source, e.oracle)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def written(text: str) -> str:
    """A README with the table between the marks."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise LookupError(f"no marks: {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def main() -> None:
    """Print the table, or write it into a file."""
    parser = argparse.ArgumentParser(prog="python -m harness.catalogue", description=__doc__)
    parser.add_argument("--write", metavar="FILE", type=Path, help="replace the table between the marks of FILE")
    target = parser.parse_args().write
    with exits():
        if target is None:
            print(table())
        else:
            target.write_text(written(target.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
