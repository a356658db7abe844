"""Figures inside the page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.report.figures import Drawing

SMALL = 400_000
"""Bytes up to which a figure is a vector graphic; with very many marks the pixels are smaller."""


@dataclass(frozen=True)
class Picture:
    """A figure with its words."""

    title: str
    caption: str
    address: str  # a data: URI


def pictures(folder: Path, drawings: Sequence[Drawing]) -> list[Picture]:
    """The figures as `harness.report.figures.write` has left them in `folder`.

    They are images, not markup: what stands in an svg can neither run nor meet the page's ids.
    """
    return [Picture(each.title, each.caption, _address(folder / each.stem)) for each in drawings]


def _address(stem: Path) -> str:
    vector = stem.with_suffix(".svg")
    file, kind = (vector, "svg+xml") if vector.stat().st_size <= SMALL else (stem.with_suffix(".png"), "png")
    return f"data:image/{kind};base64,{b64encode(file.read_bytes()).decode('ascii')}"
