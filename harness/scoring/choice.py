"""Which metrics to compute, with which knobs: what the command line says, and what the texts allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

import yaml

from harness.configs import CONF, option, options
from harness.errors import InputError, did_you_mean
from harness.knobs import import_path

Nodes = dict[str, dict[str, Any]]  # metric -> its node of the config


@dataclass(frozen=True)
class Knobs:
    """Flags that set one knob of every chosen metric that has it; None sets nothing."""

    compat: str | None = None
    unit: str | None = None
    scorer: str | None = None
    featurizer: str | None = None


def usual() -> list[str]:
    """The metrics that a run computes by default, as conf/config.yaml lists them."""
    defaults = yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))["defaults"]
    return next(list(each["metrics"]) for each in defaults if "metrics" in each)


def nodes(names: Sequence[str], settings: Sequence[str], knobs: Knobs, *, tokens: bool, generator: bool) -> Nodes:
    """The config nodes of the chosen metrics, every flag applied.

    Args:
        names: of yamls in conf/metrics.
        settings: "metrics.NAME.KNOB=VALUE", as Hydra reads it; they win over the other flags.
        knobs: the other flags.
        tokens: whether the texts have tokens; if not, what can count words does.
        generator: whether the model that wrote the texts reads them, too, beside the scorer.

    Raises:
        InputError: there is no such metric or knob, or no chosen metric takes a flag's value.
    """
    for name in names:
        if name not in options("metrics"):
            raise InputError(f"--metrics={name!r}: there is no such metric; {did_you_mean(name, options('metrics'))}")
    chosen: Nodes = {name: option("metrics", name) for name in names}
    by_hand = [_set(chosen, setting) for setting in settings]
    if knobs.unit == "tokens" and not tokens:
        raise InputError("--unit='tokens': these texts come without; give --tokenizer NAME-or-DIR, or --model NAME")
    for flag, value in vars(knobs).items():
        if value is not None and not _spread(chosen, flag, value, by_hand, generator):
            raise InputError(f"--{flag}={value!r}: {_nobody(chosen, flag)}")
    if knobs.unit is None:
        _spread(chosen, "unit", "tokens" if tokens else "words", by_hand, generator)
    return chosen


def _set(chosen: Nodes, setting: str) -> tuple[str, str]:
    """Put one --set into its node; the metric and the knob that it named."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(setting)
    except HydraException as error:
        raise InputError(f"--set {setting}: cannot be read ({str(error).splitlines()[0]})") from None
    group, _, rest = override.key_or_group.partition(".")
    name, _, knob = rest.partition(".")
    if group != "metrics" or not knob or override.is_delete() or override.is_add() or override.is_sweep_override():
        raise InputError(f"--set {setting}: must be metrics.NAME.KNOB=VALUE, as in metrics.repetition.average=micro")
    if name not in chosen:
        raise InputError(f"--set {setting}: {name} is not among the metrics; {did_you_mean(name, chosen)}")
    if knob not in chosen[name]:
        allowed = [each for each in chosen[name] if each != "factory"]
        raise InputError(f"--set {setting}: {name} has no such knob; {did_you_mean(knob, allowed)}")
    chosen[name][knob] = override.value()
    return name, knob


def _spread(chosen: Nodes, flag: str, value: str, by_hand: Sequence[tuple[str, str]], generator: bool) -> bool:
    """Set the knob of every metric that has it and takes the value; whether one does. `by_hand` stays as it is."""
    found = False
    for name, node in chosen.items():
        for knob, content in ((flag, value), (f"{flag}s", ["generator"] * generator + [value])):
            if knob in node and value in (_words(node, knob) or [value]):
                found = True
                if (name, knob) not in by_hand:
                    node[knob] = content
    return found


def _nobody(chosen: Nodes, flag: str) -> str:
    """That no metric takes a flag's value, and what they take."""
    allowed = {name: _words(node, flag) for name, node in chosen.items() if flag in node}
    said = "; ".join(f"{name} allows {', '.join(words)}" for name, words in allowed.items())
    return f"no metric of {', '.join(chosen)} takes it" + (f" ({said})" if said else "")


def _words(node: Mapping[str, Any], knob: str) -> list[str]:
    """The values that a knob names, none if it takes any text."""
    hint = get_type_hints(import_path(node["factory"], "factory"))[knob]
    hints = [hint] if get_origin(hint) is Literal else get_args(hint)
    if str in hints:
        return []
    return [word for each in hints if get_origin(each) is Literal for word in get_args(each) if isinstance(word, str)]
