"""From a corpus and metrics to scores with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.evidence import Evidence, evidence
from harness.metrics.base import Corpus, Metric, Score, Tools
from harness.results import ScoreRecord
from harness.signature import comparable, differing
from harness.stats import Difference


def measure(corpus: Corpus, metrics: Iterable[Metric], tools: Tools) -> list[list[Score]]:
    """Every score of each metric, in order. A corpus without texts has none."""
    return [metric(corpus, tools) if corpus.texts else [] for metric in metrics]


def record(
    found: Sequence[Sequence[Score]],
    corpus: Corpus,
    references: Sequence[ScoreRecord] = (),
    gaps: Mapping[str, Difference] | None = None,
) -> tuple[list[ScoreRecord], list[Evidence]]:
    """The scores as they are kept, with intervals over prompts, and what these were made from.

    Args:
        found: from `measure`.
        corpus: what they were measured on.
        references: the scores of the references, to stand beside those of the same name.
        gaps: how far each score is from that of the references (`harness.gap`).
    """
    human = {each.name: each for each in references}
    records, kept = [], []
    for score in (score for scores in found for score in scores):
        one = _beside(ScoreRecord.of(score), human.get(score.name))
        basis = evidence(score, corpus.prompt_ids)
        if basis is not None:
            kept.append(basis)
            interval = basis.interval()
            one = replace(one, method=interval.method)
            if not np.isnan(interval.low):
                low, high = np.clip([interval.low, interval.high], *score.bounds)
                one = replace(one, low=float(low), high=float(high))
        if gaps and (gap := gaps.get(score.name)):
            one = replace(one, gap=gap.value, gap_low=gap.low, gap_high=gap.high, gap_p=gap.p)
        records.append(one)
    return records, kept


def _beside(score: ScoreRecord, human: ScoreRecord | None) -> ScoreRecord:
    """The score with that of the references beside it, if the two may be compared; else with a note why not."""
    if human is None:
        return score
    if comparable(score.signature, human.signature):
        return replace(score, reference=human.value)
    field, (ours, theirs) = next(iter(differing(score.signature, human.signature).items()))
    note = f"not compared with the references, whose {field} is {theirs} and not {ours}"
    return replace(score, notes=(*score.notes, note))
