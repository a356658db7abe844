"""What happens along a continuation: repetition, probability and entropy, token by token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from harness.report import lines
from harness.report.series import panels
from harness.results import JobResult, References

Values = NDArray[np.float64]

NOISY = 200  # of fewer texts single positions jump about


@dataclass(frozen=True)
class Measure:
    """Something that every token of a continuation has, and how to sum it up over texts."""

    values: Callable[[pd.DataFrame], list[Values]]  # of the rows of generations or references
    axis: str
    mean: bool = False  # False: the median

    @property
    def scales(self) -> lines.Scales:
        """The axes of its figure."""
        return lines.Scales("token of the continuation", self.axis)


def repeated(tokens: Sequence[int] | NDArray[np.int32], size: int = 4) -> Values:
    """[tokens] 1 where the n-gram that ends at a token has ended before in the same text, else 0."""
    listed = list(tokens)
    seen: set[tuple[int, ...]] = set()
    marks = np.zeros(len(listed))
    for end in range(size, len(listed) + 1):
        gram = tuple(listed[end - size : end])
        marks[end - 1] = gram in seen
        seen.add(gram)
    return marks


REPETITION = Measure(
    lambda rows: [repeated(tokens) for tokens in rows["tokens"]], "share of texts repeating a 4-gram here", mean=True
)
PROBABILITY = Measure(
    lambda rows: [np.exp(np.asarray(values, dtype=np.float64)) for values in rows["logprob"]],
    "probability of the chosen token (median)",
)
ENTROPY = Measure(
    lambda rows: [np.asarray(values, dtype=np.float64) for values in rows["entropy"]],
    "entropy of the model, nats (median)",
)


def along(measure: Measure, frames: Sequence[pd.DataFrame]) -> lines.Line:
    """The measure summed up over the texts of all frames, as far as a quarter of the texts reaches.

    Of fewer than `NOISY` texts a running mean is given. A median has the middle half of the texts as its band.
    """
    rows = [values for frame in frames for values in measure.values(frame)]
    lengths = np.array([len(values) for values in rows], dtype=np.int64)
    if not len(rows) or not lengths.max():
        return lines.Line.steps(np.empty(0))
    longest = int(np.sort(lengths)[::-1][(len(rows) - 1) // 4])
    square = np.full((len(rows), longest), np.nan)
    for row, values in zip(square, rows, strict=True):
        row[: len(values)] = values[:longest]
    wanted = np.nanmean(square, axis=0)[None] if measure.mean else _quantiles(square, [0.5, 0.25, 0.75])
    return lines.Line.steps(*(_smooth(each) if len(rows) < NOISY else each for each in wanted))


def _quantiles(square: Values, shares: Sequence[float]) -> Values:
    """np.nanquantile along the first axis, which takes one column at a time: with 25 strategies a tenth of a second."""
    ordered = np.sort(square, axis=0)  # NaN last
    place = np.asarray(shares)[:, None] * (np.sum(~np.isnan(square), axis=0) - 1)
    below = np.floor(place).astype(np.int64)
    low, high = (np.take_along_axis(ordered, at, axis=0) for at in (below, np.ceil(place).astype(np.int64)))
    return np.asarray(low + (place - below) * (high - low))


def _smooth(values: Values) -> Values:
    """The running mean of five positions, of fewer at the ends."""
    ones = np.ones(min(5, len(values) - 1 + len(values) % 2))  # an odd number of them, and no more than there are
    return np.asarray(np.convolve(values, ones, "same") / np.convolve(np.ones(len(values)), ones, "same"))


def sheets(measure: Measure, jobs: Sequence[JobResult], references: Sequence[References]) -> list[lines.Sheet]:
    """What a figure of the measure shows, a sheet per set of references."""
    return [
        lines.Sheet(
            panel.title,
            [(series, along(measure, [job.generations for job in series.jobs])) for series in panel.series],
            along(measure, [panel.references.frame]) if panel.references else None,
        )
        for panel in panels(jobs, references)
    ]


def draw(measure: Measure, jobs: Sequence[JobResult], references: Sequence[References]) -> Figure | None:
    """The measure against position; None where no continuation has two tokens."""
    made = sheets(measure, jobs, references)
    return lines.figure(made, measure.scales) if any(sheet.has(2) for sheet in made) else None
