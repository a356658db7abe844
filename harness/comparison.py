"""What `harness.compare` gives: a frame that shows itself, in a notebook, as the table of a report."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from harness.errors import InputError
from harness.evidence import Evidence
from harness.report.tables import Table, tabulate
from harness.results import JobResult, References, ScoreRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NUMBERS = ("low", "high", "reference", "gap", "gap_low", "gap_high", "gap_p")
_NEEDED = {"better", "signature"}  # beside names and values, to make a table
REFERENCE = "reference"


class Comparison(pd.DataFrame):
    """Strategies down, scores across, values unrounded. What pandas makes of it is a plain frame.

    A notebook shows it with intervals, the best values in bold and marks for significance, as a report's table does.
    """

    _metadata: ClassVar[list[str]] = ["jobs", "references", "baseline", "_table"]
    jobs: list[JobResult]  # a row each; they hold no texts: of `harness.report.axes`, `plane` can draw them
    references: list[References]
    baseline: str | None
    _table: Table | None

    @classmethod
    def of(
        cls, scores: pd.DataFrame, evidence: Mapping[str, Mapping[str, Evidence]], baseline: str | None
    ) -> Comparison:
        """That of a frame from `harness.score`, with what its scores can be resampled from, by strategy."""
        values = scores.pivot(index="strategy", columns="score", values="value")  # in alphabetical order
        made = cls(values.reindex(index=scores["strategy"].unique(), columns=scores["score"].unique()))
        known = set(scores) >= _NEEDED
        rows = {str(label): list(map(_record, _dicts(frame))) for label, frame in _groups(scores)} if known else {}
        human = [References(REFERENCE, pd.DataFrame(), rows.pop(REFERENCE))] if REFERENCE in rows else []
        made.jobs = [_job(label, found, evidence.get(label, {}), bool(human)) for label, found in rows.items()]
        made.references = human
        made.baseline = baseline
        made._table = None
        return made

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    @property
    def table(self) -> Table:
        """Its cells as every report rounds and marks them; `harness.report.writers` writes it.

        Raises:
            InputError: the scores came without directions and signatures, or there is no such baseline.
        """
        if not self.jobs:
            raise InputError(f"scores: without the columns {' and '.join(sorted(_NEEDED))} there are values alone")
        if self._table is None:
            self._table = tabulate(self.jobs, self.references, self.baseline)
        return self._table

    def plane(self, axes: Axes | None = None) -> Axes:
        """Perplexity against diversity, with intervals and the references; `harness.report.axes` has the options.

        Raises:
            InputError: these two were not measured.
        """
        from harness.report.axes import plane  # brings matplotlib

        return plane(self.jobs, self.references, axes)

    def _repr_html_(self) -> str:
        """The table; plain values where there is no more, or they are no longer those that were scored."""
        from harness.report.writers import to_html

        if not self.jobs or not self.table.frame().reindex_like(self).equals(pd.DataFrame(self)):
            return pd.DataFrame(self).to_html()
        return to_html(self.table)


def _groups(scores: pd.DataFrame) -> Any:
    return scores.groupby("strategy", sort=False)


def _dicts(frame: pd.DataFrame) -> list[dict[Hashable, Any]]:
    return frame.to_dict("records")


def _record(row: Mapping[Hashable, Any]) -> ScoreRecord:
    numbers: dict[str, Any] = {key: None if pd.isna(row.get(key)) else float(row[key]) for key in _NUMBERS}
    method = row.get("method")
    return ScoreRecord(
        row["score"],
        float(row["value"]),
        row["better"],
        row["signature"],
        method=method if isinstance(method, str) else None,
        notes=tuple(row.get("notes", ())),
        **numbers,
    )


def _job(label: str, scores: list[ScoreRecord], evidence: Mapping[str, Evidence], compared: bool) -> JobResult:
    nothing = pd.DataFrame()
    return JobResult(
        label=label,
        folder=Path(),
        config={"strategy": {"label": label}},
        choices={"strategy": label},
        signature="",
        generations=nothing,
        scores=scores,
        items=nothing,
        reference=REFERENCE if compared else None,
        evidence=dict(evidence),
    )
