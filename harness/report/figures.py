"""Which figures a sweep gets, and what to say about them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from harness.report import curves, example, frequencies, frontier, knob, lines, perplexities, plane, style
from harness.results import JobResult, References

Draw = Callable[[Sequence[JobResult], Sequence[References]], Figure | None]


@dataclass(frozen=True)
class Drawing:
    """A figure that a sweep may have."""

    stem: str  # of its files
    title: str
    caption: str  # what it shows and how to read it
    draw: Draw  # None: the sweep has not what it needs


APART = f" More than {lines.OVERLAY} strategies have a panel each: itself blue, the others grey, the reference dotted."
ALONG = f" Below {curves.NOISY} texts the lines are running means of five tokens." + APART
MIDDLE = " The grey band is the middle half of the reference texts."

DRAWINGS = (
    Drawing(
        "plane",
        "Quality and diversity",
        "Each strategy by perplexity and diversity. The star is the reference texts: a strategy is like them in both "
        "where it lies on the star. Whiskers are intervals, of several seeds the mean interval; small marks are single "
        "seeds.",
        plane.draw,
    ),
    Drawing(
        "perplexity",
        "Perplexity of each text",
        f"The mark is the median text of a strategy, the bar the middle half, each tick {100 // perplexities.DOTS}% of "
        "the texts. The dotted line and the grey band are the median and the middle half of the reference texts: left "
        "of them the model is surer of a text than of what people write.",
        perplexities.draw,
    ),
    Drawing(
        "repetition",
        "Repetition along the text",
        "The share of texts in which the 4-gram that ends at this token has occurred before in the same text. A line "
        "that climbs towards 1 is a strategy that falls into loops." + ALONG,
        partial(curves.draw, curves.REPETITION),
    ),
    Drawing(
        "probability",
        "Probability of the chosen token",
        "The model's own probability of each token, median over texts. Human text keeps surprising the model; text "
        "that maximises probability soon stops to do so." + MIDDLE + ALONG,
        partial(curves.draw, curves.PROBABILITY),
    ),
    Drawing(
        "example",
        "Probability of the chosen token in one text",
        "The same without any mean: the first prompt's text of each strategy in blue, and the reference dotted (after "
        "Holtzman et al., 2020, figure 2). A line that stays at the top is a text without surprises.",
        example.draw,
    ),
    Drawing(
        "entropy",
        "Entropy along the text",
        "Entropy of the model's own next-token distribution before each token, median over texts." + MIDDLE + ALONG,
        partial(curves.draw, curves.ENTROPY),
    ),
    Drawing(
        "frequency",
        "Rank and frequency",
        "How large a share of all tokens is the most frequent one, the second most frequent, and so on, in one text "
        "per prompt (after Holtzman et al., 2020). A line that ends early is a small vocabulary; one above the "
        "reference's at its left end and in its middle says the same words again and again." + APART,
        frequencies.draw,
    ),
    Drawing(
        "frontier",
        "MAUVE's divergence curves",
        "References p and generations q are compared with mixtures r of the two. Right: a strategy writes little that "
        "people would not; up: it leaves out little that people write. The area below is MAUVE, written after the "
        "name. Where there are prompts enough, the curves are those of mauve-split, which the reference has too: one "
        "half of its texts against the other." + APART,
        frontier.draw,
    ),
    Drawing(
        "knob",
        "Scores against the knob",
        "Scores against the knobs that the sweep turns, with the reference dotted. Bands and whiskers are "
        "intervals, of several seeds the mean interval; small marks are single seeds.",
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
        with style.styled(), _uncollected():
            figure = drawing.draw(jobs, references)
            if figure is not None:
                style.save(figure, folder / drawing.stem)
                written.append(drawing)
    return written


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for garbage while a figure is drawn: it is made of cycles that are all in use; a tenth of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
