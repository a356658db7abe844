"""The page of one step: the model's logits with sliders that work the distribution out again, in one file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from inspect import signature
from pathlib import Path
from typing import Any

import jinja2
import torch

from harness import __version__
from harness.atomic import replacing
from harness.errors import InputError
from harness.inspect.command import Choice
from harness.inspect.outcome import label
from harness.inspect.step import Step
from harness.report.escape import visible
from harness.strategies.base import Strategy
from harness.strategies.sampling import greedy, sample

KNOBS = ("repetition_penalty", "temperature", "top_k", "top_p", "min_p", "typical_p")
"""The settings that the page has, in the order in which they apply."""

_ASSETS = Path(__file__).with_name("assets")


def write(file: Path, step: Step, strategies: Iterable[tuple[Choice, Strategy[Any]]]) -> int:
    """Write the page; its size in bytes.

    Args:
        file: where to.
        step: what the model says.
        strategies: those that the page's settings can express become buttons.

    Raises:
        InputError: the file cannot be written.
    """
    content = page(step, strategies).encode("utf-8")
    try:
        with replacing(file) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise InputError(f"--html {file}: cannot be written: {error.strerror}") from None
    return len(content)


def page(step: Step, strategies: Iterable[tuple[Choice, Strategy[Any]]]) -> str:
    """The page as text. It asks nothing of the network, and its policy would refuse it."""
    logits = step.nodes.logits[0]
    logits = logits if logits.dtype == torch.float64 else logits.float()
    wide = logits.dtype == torch.float64
    data = {
        "tokens": step.tokens,
        "pieces": step.pieces(range(step.nodes.vocab)),
        "dtype": "float64" if wide else "float32",
        "logits": b64encode(logits.numpy().astype("<f8" if wide else "<f4").tobytes()).decode(),
        "presets": [{"label": "the model’s own", "settings": {}}, *filter(None, map(_preset, strategies))],
    }
    # Jinja escapes what it fills in; `tojson` also what would end a script or a line of it.
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(_asset("page.html"))
    return template.render(
        title=visible(step.prompt),
        model=visible(step.model.name),
        length=len(step.tokens),
        vocab=step.nodes.vocab,
        dtype=data["dtype"],
        version=__version__,
        data=data,
        css=_asset("page.css"),
        scripts=[_asset(name) for name in ("distribution.js", "controls.js", "page.js")],
    )


def _preset(each: tuple[Choice, Strategy[Any]]) -> dict[str, Any] | None:
    """The settings that do what a strategy does, as texts, without those that are off; None if there are none.

    There are where those of its knobs that are settings make an equal strategy by themselves: then its others are off,
    or, like an order of one stage, change nothing.
    """
    choice, strategy = each
    for factory, more in ((sample, {}), (greedy, {"temperature": 0})):
        known = signature(factory).parameters
        settings = {
            name: choice.node[name]
            for name in KNOBS
            if name in choice.node and (name not in known or choice.node[name] != known[name].default)
        }
        if settings.keys() <= known.keys() and strategy == factory(**settings):
            shown = {name: f"{value:g}" for name, value in (settings | more).items()}
            return {"label": " ".join(label(choice)), "settings": shown}
    return None


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")
