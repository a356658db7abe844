"""MAUVE's divergence curves: what a strategy writes that people do not, against what people write that it does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from harness.report import lines
from harness.report.series import panels
from harness.report.tables import find
from harness.results import JobResult, References, ScoreRecord

NAMES = ("mauve-split", "mauve")
"""Scores that have a curve. The first has one of the references, too: without it nobody sees how far one can get."""

SCALES = lines.Scales(
    "writes only what people write: exp(−c KL(q | r))",
    "leaves none of it out: exp(−c KL(p | r))",
    ends=False,
)


def sheets(jobs: Sequence[JobResult], references: Sequence[References]) -> list[lines.Sheet]:
    """The curves, best first, of the first of `NAMES` that has any; empty where neither has."""
    name = next((name for name in NAMES if any(_curves([job.scores], name) for job in jobs)), None)
    if name is None:
        return []
    made = []
    for panel in panels(jobs, references):
        found = [(series, _curves([job.scores for job in series.jobs], name)) for series in panel.series]
        found = sorted(((series, scores) for series, scores in found if scores), key=lambda each: -_value(each[1]))
        human = _curves([panel.references.scores], name) if panel.references else []
        drawn = [(series, _line(scores)) for series, scores in found]
        made.append(lines.Sheet(panel.title, drawn, _line(human) if human else None))
    return [sheet for sheet in made if sheet.lines]


def draw(jobs: Sequence[JobResult], references: Sequence[References]) -> Figure | None:
    """The curves; None where a job has none."""
    made = sheets(jobs, references)
    return lines.figure(made, SCALES) if made else None


def _curves(of: Sequence[Sequence[ScoreRecord]], name: str) -> list[ScoreRecord]:
    """The score of this name, of each seed that has one with a curve."""
    return [score for scores in of if (score := find(scores, name)) and score.curve]


def _value(scores: Sequence[ScoreRecord]) -> float:
    return float(np.mean([score.value for score in scores]))


def _line(scores: Sequence[ScoreRecord]) -> lines.Line:
    """The mean over seeds, point by point, with that of the areas as its note."""
    x, y = np.mean([score.curve for score in scores if score.curve], axis=0)
    return lines.Line(x, y, note=f"{scores[0].name} {_value(scores):.3f}")
