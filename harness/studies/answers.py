"""From a study's facts to answers.md, by the template in the experiment's folder."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.atomic import write_json, write_text
from harness.configs import EXPERIMENTS
from harness.errors import ChecksFailed
from harness.knobs import build
from harness.report.escape import code, code_block, markdown
from harness.results import read_sweep
from harness.studies.base import Answer, Setting
from harness.studies.checks import markdown_table
from harness.studies.wording import interval, number, percent, table

TEMPLATE = "answers.md.j2"


def answer(node: Mapping[str, Any], folder: Path) -> Path:
    """Run a study over a finished sweep; write answers.json and answers.md beside its report.

    Args:
        node: `factory`, a function of `harness.studies` that takes a `Setting` and gives an `Answer`, and its other
            arguments. The template is that of experiments/ which has the factory's name.
        folder: the sweep's.

    Returns:
        The path of answers.md.

    Raises:
        InputError: as the study does.
        ChecksFailed: something that should have held does not; the files are written.
    """
    setting = Setting(read_sweep(folder))
    found: Answer = build(node, "study", setting=setting)
    write_json(folder / "answers.json", plain(found.facts))
    path = folder / "answers.md"
    write_text(path, render(name_of(node), found.facts, setting))
    if found.failed:
        raise ChecksFailed(f"{'; '.join(found.failed)} (all of it is in {path})")
    return path


def name_of(node: Mapping[str, Any]) -> str:
    """What a study, its template's folder and its experiment are called: the last part of the factory's path."""
    return str(node["factory"]).rpartition(".")[2]


def render(name: str, facts: Mapping[str, Any], setting: Setting) -> str:
    """The answers of one experiment as Markdown; a template that asks for a fact that is not there is an error."""
    environment = Environment(
        loader=FileSystemLoader(EXPERIMENTS),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown: whatever a model or a user wrote goes through one of the filters
    )
    environment.filters.update(FILTERS)
    return environment.get_template(f"{name}/{TEMPLATE}").render(facts, sweep=setting.sweep)


FILTERS: dict[str, Callable[..., str]] = {
    "number": number,
    "interval": interval,
    "percent": percent,
    "text": markdown,
    "code": code,
    "block": code_block,
    "table": table,
    "checks": markdown_table,
    "json": lambda value: json.dumps(plain(value), ensure_ascii=False),
}


def plain(value: Any) -> Any:
    """Facts as strict JSON has them: NaN is null, the infinities are strings, arrays are lists, dataclasses objects."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
