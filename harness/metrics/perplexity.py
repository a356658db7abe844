"""How surprised the generator is by its own continuations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.metrics.base import Corpus, Metric, Score, Tools, combined
from harness.signature import sign
from harness.stats import exp_ratio


@dataclass(frozen=True)
class Perplexity(Metric):
    """Perplexity of the continuation under the model that wrote it, given the prompt.

    `perplexity` is exp(-sum of log-probabilities / tokens) over all texts: every token weighs the same. A long text
    weighs more, and a few dull loops or a few wild texts move it, so `perplexity-median` stands beside it: the median
    over texts of exp(mean negative log-probability). The log-probabilities are the model's own, before temperature,
    truncation or penalties, and those of the prompt are left out; a closing end-of-text token is counted in. The mean
    of per-text perplexities, which some libraries report, is neither.

    Nearer to the references is better: loops push it towards 1, incoherence far above human text (Holtzman et al.,
    2020). Perplexities of different tokenizers are on different scales.
    """

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """The corpus perplexity with per-text items, and their median; a text of no tokens has no value."""
        logprobs = corpus.per_token("logprob", "metrics.perplexity")
        stats = np.array([[-np.sum(values), len(values)] for values in logprobs], dtype=np.float64).reshape(-1, 2)
        items = exp_ratio(stats)
        has = ~np.isnan(items)
        notes = () if has.all() else (f"{int((~has).sum())} of {len(items)} texts have no value",)
        given = {"scorer": "generator", "given": "prompt", "unit": "model-tokens", "eos": "yes"}
        return [
            combined(
                "perplexity", stats, "exp-ratio", "reference", sign("perplexity", **given, avg="micro"), items, notes
            ),
            combined(
                "perplexity-median",
                items[:, None],
                "median",
                "reference",
                sign("perplexity-median", **given, avg="median"),
                notes=notes,
            ),
        ]
