"""How undecided the model was where it wrote."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.metrics.base import Corpus, Metric, Score, Tools
from harness.metrics.reading import own
from harness.metrics.tokenwise import micro, totals
from harness.signature import sign


@dataclass(frozen=True)
class Entropy(Metric):
    """Mean entropy of the model's own next-token distribution, in nats, over the tokens of all texts (micro).

    It is the distribution that a token was chosen from, before temperature, truncation or penalties, a closing
    end-of-text token's included. The entropy of a step is the mean surprise of a draw from that step, so under plain
    sampling this and the log of the perplexity agree up to chance, and the perplexity is further below it, the more a
    strategy prefers likely tokens. In loops it falls towards 0.
    """

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """`entropy`, with the mean of each text as items."""
        values = corpus.per_token("entropy", "metrics.entropy")
        signature = sign("entropy", **own(corpus), unit="nats", eos=True, avg="micro")
        return [micro("entropy", totals(values), signature, bounds=(0.0, math.inf))]
