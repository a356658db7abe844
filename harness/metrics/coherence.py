"""How likely a model finds the continuation, given the prompt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.metrics.base import Corpus, Metric, Score, Tools, mean_of
from harness.metrics.compat import signed, simctg
from harness.metrics.reading import GENERATOR, read
from harness.metrics.tokenwise import totals
from harness.signature import sign
from harness.stats import ratio


@dataclass(frozen=True)
class Coherence(Metric):
    """Mean over texts of the mean log-probability of a continuation's tokens, given the prompt, in nats (macro).

    Su and Collier (2022), "Contrastive search is what you need for neural text generation", and Su and Xu (2022), "An
    empirical study on contrastive search and contrastive decoding for open-ended text generation", call this number
    coherence; they read with OPT. A closing end-of-text token counts under the generator; other scorers read none, and
    read as in `harness.metrics.perplexity`.

    What it measures is likelihood, and nothing of what ties a text to its prompt but that. So it is highest for greedy
    and beam search, whose loops a model finds nearly certain: higher is not better, and read as a merit it rewards
    degeneration. Human text lies well below. Nearer to the references is the reading that makes sense, and then it says
    what perplexity says, with texts instead of tokens weighing the same. (The cosine similarity of sentence embeddings
    of prompt and continuation, which others call coherence, is another measure.)

    Attributes:
        scorer: who reads: "generator", or the name of a yaml in `conf/model`.
        compat: `simctg`: texts of white space alone are left out, as in their code (`harness.metrics.compat.simctg`).
            That code reads a bos token before every prompt; here a scorer reads what its tokenizer puts there.
    """

    scorer: str = GENERATOR
    compat: Literal["simctg"] | None = None

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """`coherence`, or `coherence[SCORER]`; a text of no tokens has no value."""
        reading = read(self.scorer, corpus, tools, "metrics.coherence")
        name = reading.title("coherence")
        items = np.asarray(ratio(totals(reading.logprobs)))
        if self.compat is not None:
            items = simctg.coherences(corpus.texts, items)
        signature = sign(name, **reading.signed, avg="macro", **signed(self.compat))
        return [mean_of(name, items, "reference", signature, bounds=(-math.inf, 0.0))]
