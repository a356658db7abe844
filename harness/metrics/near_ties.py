"""How often the model's choice hung by a thread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.knobs import Positive
from harness.metrics.base import Corpus, Metric, Score, Tools
from harness.metrics.reading import own
from harness.metrics.tokenwise import micro, totals
from harness.signature import sign


@dataclass(frozen=True)
class NearTies(Metric):
    """The share of tokens at whose step the model's two largest logits were less than `epsilon` apart (micro).

    There greedy decoding is at the mercy of rounding: a matrix product adds up in an order that depends on how many
    rows it has, and where the noise exceeds the gap another token comes first, and another text follows. Measured over
    3,072 steps of pocket-m, alone and in a batch of 32: in float32 logits differ by up to 2.3e-5 nats and the gap by
    2.5e-5, and greedy never turned; in bfloat16 by up to 0.125, and greedy turned 24 times, at gaps of up to 0.06. So
    the default is forty times the noise in float32, which leaves room for larger models; in bfloat16 ask for 0.25. A
    draw turns where it falls next to an edge of its token's slice, which this does not count; `engine=exact` is the
    remedy for both. A closing end-of-text token counts.

    Attributes:
        epsilon: in nats.
    """

    epsilon: Positive = 1e-3

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """`near-ties`, with the share of each text as items."""
        gaps = corpus.per_token("gap", "metrics.near_ties")
        near = totals([np.asarray(gap < self.epsilon, dtype=np.float64) for gap in gaps])
        signature = sign("near-ties", epsilon=self.epsilon, **own(corpus), eos=True, avg="micro")
        return [micro("near-ties", near, signature, bounds=(0.0, 1.0))]
