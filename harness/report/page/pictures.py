"""Figures inside the page."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.report.figures import Drawing

SMALL = 400_000
"""Bytes up to which a figure is a vector graphic; with very many marks the pixels are smaller."""


BROAD = 700
"""CSS pixels beyond which a figure has the page's whole width: beside another one its words would be too small."""

NARROW = 500
"""CSS pixels below which a figure is not made larger on a phone, where the others are scrolled."""

_WIDTH = re.compile(rb'<svg[^>]*\swidth="([\d.]+)pt"')


@dataclass(frozen=True)
class Picture:
    """A figure with its words."""

    title: str
    caption: str
    address: str  # a data: URI
    size: Literal["narrow", "usual", "broad"]


def pictures(folder: Path, drawings: Sequence[Drawing]) -> list[Picture]:
    """The figures as `harness.report.figures.write` has left them in `folder`.

    They are images, not markup: what stands in an svg can neither run nor meet the page's ids.
    """
    return [Picture(each.title, each.caption, *_shown(folder / each.stem)) for each in drawings]


def _shown(stem: Path) -> tuple[str, Literal["narrow", "usual", "broad"]]:
    """The address and the size."""
    vector = stem.with_suffix(".svg").read_bytes()
    data, kind = (vector, "svg+xml") if len(vector) <= SMALL else (stem.with_suffix(".png").read_bytes(), "png")
    found = _WIDTH.search(vector[:4000])
    width = float(found[1]) * 96 / 72 if found else (BROAD + NARROW) / 2
    size: Literal["narrow", "usual", "broad"] = "broad" if width > BROAD else "narrow" if width < NARROW else "usual"
    return f"data:image/{kind};base64,{b64encode(data).decode('ascii')}", size
