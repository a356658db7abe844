"""Which figures a sweep gets, and what to say about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from harness.report import curves, knob, plane, style
from harness.results import JobResult, References

Draw = Callable[[Sequence[JobResult], Sequence[References]], Figure | None]


@dataclass(frozen=True)
class Drawing:
    """A figure that a sweep may have."""

    stem: str  # of its files
    title: str
    caption: str  # what it shows and how to read it
    draw: Draw  # None: the sweep has not what it needs


RUNNING = (
    f" Below {curves.NOISY} texts the lines are running means of five tokens. More than "
    f"{curves.OVERLAY} strategies have a panel each: itself in blue, the others in grey, the reference dotted."
)

DRAWINGS = (
    Drawing(
        "plane",
        "Quality and diversity",
        "Each strategy by perplexity and diversity. The star is the reference texts: a strategy is like them in both "
        "where it lies on the star. Whiskers are intervals; small marks are single seeds.",
        plane.draw,
    ),
    Drawing(
        "repetition",
        "Repetition along the text",
        "The share of texts in which the 4-gram that ends at this token has occurred before in the same text. A line "
        "that climbs towards 1 is a strategy that falls into loops." + RUNNING,
        partial(curves.draw, curves.REPETITION),
    ),
    Drawing(
        "probability",
        "Probability of the chosen token",
        "The model's own probability of each token, median over texts. Human text keeps surprising the model; text "
        "that maximises probability soon stops to do so (after Holtzman et al., 2020, figure 2)." + RUNNING,
        partial(curves.draw, curves.PROBABILITY),
    ),
    Drawing(
        "entropy",
        "Entropy along the text",
        "Entropy of the model's own next-token distribution before each token, median over texts." + RUNNING,
        partial(curves.draw, curves.ENTROPY),
    ),
    Drawing(
        "knob",
        "Scores against the knob",
        "Scores against the one knob that the sweep turns, with the reference as a dotted line. Bands are intervals; "
        "small marks are single seeds.",
        knob.draw,
    ),
)


def write(folder: Path, jobs: Sequence[JobResult], references: Sequence[References]) -> list[Drawing]:
    """Write FOLDER/STEM.png and .svg of every figure that the sweep has what it needs for; return those.

    Figures of an earlier report that the sweep no longer has are deleted.
    """
    written = []
    for drawing in DRAWINGS:
        for kind in style.KINDS:
            (folder / f"{drawing.stem}.{kind}").unlink(missing_ok=True)
        with style.styled():
            figure = drawing.draw(jobs, references)
            if figure is not None:
                style.save(figure, folder / drawing.stem)
                written.append(drawing)
    return written
