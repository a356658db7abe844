"""The probability of every token of one text of each strategy, beside the reference text to the same prompt."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from harness.report import lines
from harness.report.curves import PROBABILITY
from harness.report.escape import visible
from harness.report.series import panels
from harness.results import JobResult, References


def prompt(jobs: Sequence[JobResult], references: Sequence[References], wanted: str | None = None) -> str | None:
    """The first prompt of the first job to which every job and every set of references has a text of two tokens.

    Where one is wanted, that or none.
    """
    if not jobs or not references:
        return None
    frames = [job.generations for job in jobs] + [each.frame for each in references]
    shared = set.intersection(*(set(frame["prompt_id"][frame["tokens"].map(len) > 1]) for frame in frames))
    found = jobs[0].generations["prompt_id"]
    return next((str(each) for each in found if each in shared and wanted in (None, each)), None)


def sheets(jobs: Sequence[JobResult], references: Sequence[References], prompt_id: str) -> list[lines.Sheet]:
    """The first text of every strategy to a prompt, and the reference text."""
    return [
        lines.Sheet(
            panel.title,
            [(series, _line(series.jobs[0].generations, prompt_id)) for series in panel.series],
            _line(panel.references.frame, prompt_id) if panel.references else None,
        )
        for panel in panels(jobs, references)
    ]


def scales(prompt_id: str) -> lines.Scales:
    """The axes of the figure."""
    return lines.Scales(
        f"token of the continuation of prompt {visible(prompt_id)}", "probability of the token", others=False
    )


def draw(jobs: Sequence[JobResult], references: Sequence[References]) -> Figure | None:
    """A panel per strategy; None where no prompt has all texts."""
    chosen = prompt(jobs, references)
    return None if chosen is None else lines.figure(sheets(jobs, references, chosen), scales(chosen), apart=True)


def _line(frame: pd.DataFrame, prompt_id: str) -> lines.Line:
    return lines.Line.steps(PROBABILITY.values(frame[frame["prompt_id"] == prompt_id].head(1))[0])
