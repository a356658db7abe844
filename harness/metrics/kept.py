"""How much of the model's distribution the strategy left possible."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.metrics.base import Corpus, Metric, Score, Tools
from harness.metrics.reading import own
from harness.metrics.tokenwise import micro, totals
from harness.signature import sign


@dataclass(frozen=True)
class Kept(Metric):
    """What a strategy's truncation keeps of the model's own distribution, over the tokens of all texts (micro).

    `kept-mass` is the mean probability, under the untouched distribution, of all tokens that the strategy left
    possible: 1 where nothing is forbidden, at least p under top-p, the probability of the token itself under greedy.
    `kept-tokens` is how many tokens these are: the geometric mean, as the number ranges from 1 to the whole vocabulary
    and a few undecided steps would decide an arithmetic one. A closing end-of-text token counts.

    Only strategies with a distribution of their own keep something: searches and references have neither score.
    """

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """`kept-mass` and `kept-tokens`, with the mean of each text as items; nothing where nobody kept anything."""
        if "kept_mass" not in corpus.values and "unknown" not in corpus.ends:
            return []
        mass = corpus.per_token("kept_mass", "metrics.kept")
        count = corpus.per_token("kept", "metrics.kept")
        given = {**own(corpus), "eos": True}
        signature = sign("kept-mass", **given, unit="probability", avg="micro")
        return [
            micro("kept-mass", totals(mass), signature, bounds=(0.0, 1.0)),
            micro(
                "kept-tokens",
                totals([np.log(each) for each in count]),
                sign("kept-tokens", **given, unit="model-tokens", avg="geometric"),
                "exp-ratio",
            ),
        ]
