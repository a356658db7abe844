"""Who is best at a score: strategies, each with its seeds taken together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.report.series import by_seed, draws, shared
from harness.report.tables import Column, Table, decimals, distances, least, number
from harness.results import JobResult, ScoreRecord


@dataclass(frozen=True)
class Contender:
    """A strategy in a table."""

    label: str
    rows: tuple[int, ...]  # one per seed; only one where all seeds gave the same texts

    def score(self, column: Column) -> ScoreRecord | None:
        """Its score: the mean over its seeds, without an interval where there are several."""
        found = [cell.score for row in self.rows if (cell := column.cells[row])]
        if len(found) < 2:
            return found[0] if found else None
        gaps = [score.gap for score in found if score.gap is not None]
        gap = float(np.mean(gaps)) if len(gaps) == len(found) else None
        value = float(np.mean([score.value for score in found]))
        return replace(found[0], value=value, low=None, high=None, gap=gap, gap_low=None, gap_high=None, gap_p=None)

    def shown(self, column: Column) -> str:
        """Its score with the digits of the table; "" where it has none."""
        score = self.score(column)
        return number(score.value, decimals(score.value, column.scale)) if score else ""


def contenders(jobs: Sequence[JobResult], table: Table) -> list[Contender]:
    """The strategies of a table; of several that wrote the same texts the first stands for all.

    A job that has not all of its texts contends for nothing, unless none has.
    """
    place = {id(job): row for row, job in enumerate(jobs)}
    groups = by_seed([job for job in jobs if not job.failed] or jobs)
    found: dict[frozenset[int], Contender] = {}
    for label, group in zip(shared(groups), groups, strict=True):
        rows = tuple(place[id(job)] for job in draws(group))
        found.setdefault(frozenset(table.alike[row] for row in rows), Contender(label, rows))
    return list(found.values())


def best(column: Column, among: Sequence[Contender]) -> list[Contender]:
    """Those that are closest to the references, highest or lowest, as far as the digits of the table tell.

    Nobody is where rows are not ranked or there is one contender.
    """
    if column.differs or len(among) < 2:
        return []
    scores = [each.score(column) for each in among]
    flags = least(distances(scores), [decimals(score.value, column.scale) if score else 0 for score in scores])
    return [each for each, flag in zip(among, flags, strict=True) if flag]
