"""What a score can be resampled from, kept beside the score so that a report made later can compare any two jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2s
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness import jackknife, stats
from harness.metrics.base import Score
from harness.signature import comparable
from harness.stats import Difference, Interval

if TYPE_CHECKING:
    import pandas as pd

LEFT_OUT = "left-out"
"""The kind of evidence that `harness.jackknife` works on; the other kinds are those of `harness.stats.Combine`."""

_FILE = "evidence.parquet"


@dataclass(frozen=True, eq=False)
class Evidence:
    """The summands of one score, text by text; or the score without each group of prompts."""

    score: str
    signature: str  # of the score: evidence of numbers that may not be compared is not paired
    value: float
    kind: str  # how the values combine: a `stats.Combine`, or `LEFT_OUT`
    units: NDArray[np.str_]  # [n] the prompt that each row of `values` belongs to; of `LEFT_OUT`: the groups' numbers
    values: NDArray[np.float64]  # [n, k]; of `LEFT_OUT`: the number without the group, and the prompts in it
    prompts: str  # a hash of the prompts: evidence can be paired where it is equal
    noise: float = 0.0  # variance that the prompts have no part in

    def interval(self) -> Interval:
        """The 95% interval: by bootstrap over prompts, or by the jackknife over groups of them."""
        if self.kind == LEFT_OUT:
            return jackknife.interval(self.value, self.values[:, 0], self.values[:, 1], self.noise)
        return stats.bootstrap(self.values, self.units.tolist(), self.kind)  # type: ignore[arg-type]

    def minus(self, other: Evidence) -> Difference | None:
        """The paired difference; None where the two may not be compared, or cannot be paired for other prompts."""
        if not comparable(self.signature, other.signature):
            return None
        if (self.kind, self.prompts) != (other.kind, other.prompts) or self.values.shape[1:] != other.values.shape[1:]:
            return None
        if self.kind == LEFT_OUT and len(self.values) != len(other.values):
            return None
        if self.kind == LEFT_OUT:
            pair = (self.value, self.values[:, 0], other.value, other.values[:, 0])
            return jackknife.difference(*pair, self.values[:, 1], self.noise + other.noise)
        clusters = self.units.tolist(), other.units.tolist()
        return stats.paired(self.values, other.values, clusters[0], self.kind, clusters_b=clusters[1])  # type: ignore[arg-type]


def evidence(score: Score, prompt_ids: Sequence[str]) -> Evidence | None:
    """That of a score measured on texts of these prompts; None where it has none, or no value.

    Summands are kept text by text. Resampling prompts needs no more than their sums by prompt, but the test of one text
    a prompt against several has to exchange single texts, and a median needs every item.
    """
    about: dict[str, Any] = {
        "score": score.name,
        "signature": score.signature,
        "value": float(score.value),
        "prompts": _digest(prompt_ids),
    }
    if np.isnan(score.value):
        return None
    if score.left_out is not None:
        units = np.arange(len(score.left_out)).astype(np.str_)
        values = np.stack([score.left_out, jackknife.sizes(prompt_ids)], axis=1)
        return Evidence(kind=LEFT_OUT, units=units, values=values, noise=score.noise, **about)
    if score.stats is None or score.combine is None:
        return None
    ids = np.asarray(prompt_ids, dtype=np.str_)
    return Evidence(kind=score.combine, units=ids, values=score.stats, **about)


def _digest(prompt_ids: Iterable[str]) -> str:
    return blake2s("\0".join(sorted(set(prompt_ids))).encode(), digest_size=8).hexdigest()


Tests = dict[tuple[str, str], tuple[Difference, float]]
"""(label, score) -> that job minus another, and the p-value after correction."""


def against(given: Mapping[str, Mapping[str, Evidence]], baseline: str) -> Tests:
    """Every job minus the baseline in every score that both have, p-values with Holm's correction over all of them.

    Args:
        given: the evidence of each job, by score.
        baseline: one of the jobs.
    """
    base = given[baseline]
    pairs = {
        (label, name): difference
        for label, scores in given.items()
        if label != baseline
        for name in scores
        if name in base and (difference := scores[name].minus(base[name])) is not None
    }
    adjusted = stats.holm([difference.p for difference in pairs.values()])
    return {key: (pairs[key], float(p)) for key, p in zip(pairs, adjusted, strict=True)}


def write_evidence(folder: Path, given: Iterable[Evidence]) -> None:
    """Write evidence.parquet: a row per score and unit."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from harness.atomic import replacing

    rows = [(e, unit, value) for e in given for unit, value in zip(e.units, e.values, strict=True)]
    columns = {
        "score": pa.array([e.score for e, _, _ in rows], pa.string()),
        "signature": pa.array([e.signature for e, _, _ in rows], pa.string()),
        "value": pa.array([e.value for e, _, _ in rows], pa.float64()),
        "kind": pa.array([e.kind for e, _, _ in rows], pa.string()),
        "prompts": pa.array([e.prompts for e, _, _ in rows], pa.string()),
        "noise": pa.array([e.noise for e, _, _ in rows], pa.float64()),
        "unit": pa.array([str(unit) for _, unit, _ in rows], pa.string()),
        "values": pa.array([value for _, _, value in rows], pa.list_(pa.float64())),
    }
    with replacing(folder / _FILE) as temporary:
        pq.write_table(pa.table(columns), temporary)


def read_evidence(folder: Path) -> dict[str, Evidence]:
    """Score -> its evidence; empty where a run of an older version left none.

    Raises:
        ValueError: the file holds something else.
    """
    import pyarrow as pa

    from harness.columns import read_columns

    if not (folder / _FILE).exists():
        return {}
    texts = dict.fromkeys(("score", "signature", "kind", "prompts", "unit"), pa.string())
    numbers = {"value": pa.float64(), "noise": pa.float64(), "values": pa.list_(pa.float64())}
    schema = pa.schema(texts | numbers)
    frame = read_columns(folder / _FILE, schema, ())
    if "signature" not in frame:  # an older version's: nobody can say what it may be compared with
        return {}
    _check(frame, schema.names)
    return {
        str(score): Evidence(
            score=str(score),
            signature=str(rows["signature"].iloc[0]),
            value=float(rows["value"].iloc[0]),
            kind=str(rows["kind"].iloc[0]),
            units=rows["unit"].to_numpy(dtype=np.str_),
            values=np.stack(rows["values"].to_list()).astype(np.float64),
            prompts=str(rows["prompts"].iloc[0]),
            noise=float(rows["noise"].iloc[0]),
        )
        for score, rows in frame.groupby("score", sort=False)
    }


_WIDTHS = {"ratio": 2, "exp-ratio": 2, "share": 2, "median": 1, LEFT_OUT: 2}
"""How many summands a text has, by kind; `complements` has pairs of them."""


def _check(frame: pd.DataFrame, names: Iterable[str]) -> None:
    """Raise ValueError unless the rows of every score can be put together."""
    for name in names:
        if name not in frame or frame[name].isna().any():
            raise ValueError(f"{_FILE}: column {name!r} is missing or holds a null")
    for score, rows in frame.groupby("score", sort=False):
        kind, widths = str(rows["kind"].iloc[0]), set(rows["values"].map(len))
        if kind not in (*_WIDTHS, "complements"):
            raise ValueError(f"{_FILE}: {score!r} is of the unknown kind {kind!r}")
        width = max(widths)
        if kind != LEFT_OUT and set(rows["prompts"]) != {_digest(rows["unit"])}:
            raise ValueError(f"{_FILE}: {score!r} has not the prompts that it says")
        if len(widths) > 1 or width == 0 or width % 2 > (kind == "median") or width != _WIDTHS.get(kind, width):
            raise ValueError(f"{_FILE}: {score!r} has {sorted(widths)} summands a text, which make no {kind}")
