"""How often the most frequent token comes, the second most frequent, and so on: Zipf's figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from harness.report import lines
from harness.report.series import panels
from harness.results import JobResult, References

POINTS = 60  # of a line: ranks that are evenly spaced to the eye

SCALES = lines.Scales("rank of the token", "share of all tokens", log=True, ends=False)


def ranked(frame: pd.DataFrame) -> lines.Line:
    """The share of all tokens that the token of each rank has, in one text per prompt.

    The number of texts decides where the line ends, so there are no more of them than references. A closing
    end-of-text token is left out.
    """
    first = frame.drop_duplicates("prompt_id")
    ended = first["finish"] == "eos" if "finish" in first else np.zeros(len(first), dtype=bool)
    texts = [np.asarray(t[:-1] if e else t) for t, e in zip(first["tokens"], ended, strict=True)]
    counts = np.unique(np.concatenate([*texts, np.empty(0, dtype=np.int64)]), return_counts=True)[1]
    shares = np.sort(counts)[::-1] / max(1, counts.sum())
    ranks = np.unique(np.geomspace(1, max(1, len(shares)), POINTS).round().astype(np.int64))[: len(shares)]
    return lines.Line(ranks.astype(np.float64), shares[ranks - 1])


def sheets(jobs: Sequence[JobResult], references: Sequence[References]) -> list[lines.Sheet]:
    """What the figure shows; of several seeds the first."""
    return [
        lines.Sheet(
            panel.title,
            [(series, ranked(series.jobs[0].generations)) for series in panel.series],
            ranked(panel.references.frame) if panel.references else None,
        )
        for panel in panels(jobs, references)
    ]


def draw(jobs: Sequence[JobResult], references: Sequence[References]) -> Figure | None:
    """Rank against frequency; None where no job has two different tokens."""
    made = sheets(jobs, references)
    return lines.figure(made, SCALES) if any(sheet.has(2) for sheet in made) else None
