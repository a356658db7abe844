"""What published code computes, quirk by quirk, to set its numbers beside ours.

One module per project, of pure functions; their docstrings say how the code departs from our definition, or from the
paper it belongs to. A metric that has such variants takes the project's name as its knob `compat`. What is counted is
the continuation alone, also where the project counts the prompt with it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields

from harness.errors import InputError
from harness.metrics.base import Metric


def fix(metric: Metric, key: str, compat: str | None, free: Collection[str] = (), **own: object) -> None:
    """Refuse a metric whose `compat` is set together with another value of a knob that the published code decides.

    Args:
        metric: a dataclass of knobs, all with defaults.
        key: its key in the config: "metrics.diversity".
        compat: the value of its knob of that name.
        free: the knobs that may be set with it all the same.
        **own: what the published code does, by knob; to say the same is no contradiction.

    Raises:
        InputError: it names both knobs.
    """
    if compat is None:
        return
    for knob in fields(metric):  # type: ignore[arg-type]  # subclasses are dataclasses
        value = getattr(metric, knob.name)
        if knob.name not in {"compat", *free} and value not in (knob.default, own.get(knob.name, knob.default)):
            raise InputError(f"{key}.{knob.name}={value!r}: {key}.compat={compat} decides that; do not set both")


def signed(compat: str | None) -> dict[str, str]:
    """The field that says so in a signature; our own numbers have none."""
    return {} if compat is None else {"compat": compat}
