"""The job that the others are tested against."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import InputError, did_you_mean


def choose(labels: Sequence[str], wanted: str | None) -> str:
    """The label that is wanted, or the first; "" where there is nothing to compare.

    Raises:
        InputError: there is no such label.
    """
    if wanted is not None and wanted not in labels:
        raise InputError(f"report.baseline={wanted!r}: there is no such job; {did_you_mean(wanted, labels)}")
    return "" if len(labels) < 2 else wanted or labels[0]
