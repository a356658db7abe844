"""From a corpus and metrics to scores with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.metrics.base import Corpus, Metric, Score, Tools
from harness.results import ScoreRecord
from harness.signature import comparable, differing
from harness.stats import bootstrap


def measure(corpus: Corpus, metrics: Iterable[Metric], tools: Tools) -> list[Score]:
    """Every score of every metric, in order. A corpus without texts has none."""
    return [score for metric in metrics for score in metric(corpus, tools)] if corpus.texts else []


def record(scores: Sequence[Score], corpus: Corpus, references: Sequence[ScoreRecord] = ()) -> list[ScoreRecord]:
    """The scores as they are kept, with an interval over prompts where a score can be resampled.

    Args:
        scores: from `measure`.
        corpus: what they were measured on.
        references: the scores of the references, to stand beside those of the same name.
    """
    human = {each.name: each for each in references}
    records = []
    for score in scores:
        beside = human.get(score.name)
        kept = ScoreRecord.of(score, beside.value if beside else None)
        if beside and not comparable(score.signature, beside.signature):
            field, (ours, theirs) = next(iter(differing(score.signature, beside.signature).items()))
            note = f"not compared with the references, whose {field} is {theirs} and not {ours}"
            kept = replace(kept, reference=None, notes=(*kept.notes, note))
        if score.stats is not None and score.combine is not None and not math.isnan(score.value):
            interval = bootstrap(score.stats, corpus.prompt_ids, score.combine)
            kept = replace(kept, low=interval.low, high=interval.high, method=interval.method)
        records.append(kept)
    return records
