"""How figures look: one style, colours that colour-blind readers tell apart, marks that survive grey print."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from harness.atomic import replacing

# Okabe and Ito (2008) without yellow, which white paper swallows, and without black, which is the reference's.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A7A7A")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")  # 7 and 11 have no common divisor: 77 pairs
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.2, 1.2, 1.2)))  # 7 and 4: 28 pairs
DOTTED: tuple[Any, ...] = ((0, (1, 1.5)), (0, (1, 1.5, 5, 1.5)), (0, (1, 4)), (0, (1, 1.5, 1, 5)))  # for references
REFERENCE = "#000000"
QUIET = "#C9C9C9"  # lines that are only there to compare with

_RC: Any = {
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "axes.edgecolor": "#555555",
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "lines.linewidth": 1.6,
    "lines.markersize": 6,
    "text.parse_math": False,  # labels are anybody's text; a $ in them is a dollar
    "svg.hashsalt": "harness",  # the same figure gives the same file
}


KINDS: dict[str, dict[str, Any]] = {
    # zlib's usual level, 6, takes half as long again and makes larger files of such drawings.
    "png": {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 3}},
    "svg": {"metadata": {"Date": None, "Creator": None}},
}
"""File formats, each with what keeps versions and times out of the file."""


@dataclass(frozen=True)
class Look:
    """How one strategy is drawn, in every figure alike."""

    colour: str
    marker: str
    dash: Any


def look(index: int) -> Look:
    """The look of the strategy of this number."""
    return Look(COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)], DASHES[index % len(DASHES)])


@contextmanager
def styled() -> Iterator[None]:
    """The style, for as long as the block lasts; the caller's own settings come back."""
    with mpl.rc_context(_RC):
        yield


def new(width: float, height: float, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """An empty figure of so many inches, off screen; to be called inside `styled()`."""
    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def plain_log(axis: Axis) -> None:
    """Ticks of a logarithmic axis as plain numbers; where it spans less than three decades also between the powers."""
    low, high = axis.get_view_interval()
    between = (1,) if high > 1000 * low else (1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 4, 5, 7)
    axis.set_major_locator(LogLocator(subs=between))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def save(figure: Figure, stem: Path) -> None:
    """Write STEM.png and STEM.svg."""
    engine = figure.get_layout_engine()
    if engine is not None:  # each format would draw everything once more to ask it again
        engine.execute(figure)
        figure.set_layout_engine(None)
    for kind, how in KINDS.items():
        image = io.BytesIO()
        figure.savefig(image, format=kind, **how)
        with replacing(stem.with_suffix(f".{kind}")) as temporary:
            temporary.write_bytes(image.getvalue())
