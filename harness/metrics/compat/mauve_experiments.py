"""The numbers of the code of Pillutla et al. (2021), "MAUVE: measuring the gap between neural text and human text".

Repository krishnap25/mauve-experiments, `src/metrics.py`. Its texts are tokens of GPT-2 that begin with the prompt (35
tokens); the functions here take any sequences, and the metrics give them the continuations alone. So published values
of this code come out only for texts that had no prompt, or where the caller puts it in.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.metrics.compat import degen
from harness.metrics.ngrams import Ngrams

LONGEST = 500  # the longest phrase that a loop is looked for with
GRID = 15  # cells of the rank axis per unit of log rank
HYPOTHESES, SEED = 500, 1234  # texts that self-BLEU is averaged over; of their draw


def distinct(grams: Ngrams) -> float:
    """distinct-n: different n-grams over n-grams, as ours, but 0 where there is no n-gram."""
    return grams.distinct / len(grams.ids) if len(grams.ids) else 0.0


def loops(tokens: Sequence[Hashable]) -> bool:
    """Whether a text ends in a loop: degen's rule (see there) with phrases of up to 500 tokens for its 90."""
    return degen.loops(tokens, LONGEST)


def self_bleu(sequences: Sequence[Sequence[Hashable]], sizes: Sequence[int]) -> list[float]:
    """self-BLEU-n per size as degen's (see there), over 500 hypotheses for its 1,000, drawn with another seed."""
    return degen.self_bleu(sequences, sizes, HYPOTHESES, SEED)


def zipf(counts: NDArray[np.int64]) -> float:
    """The slope of log frequency on log rank, with its sign (-1 for Zipf's law), over thinned ranks.

    Of the 5,000 most frequent tokens the last is dropped. Log ranks are rounded to multiples of 1/15; of the ranks that
    fall onto one multiple the first alone is kept, and the line is fitted to the multiples, not to the ranks' own logs.
    So frequent tokens weigh as much as rare ones, and the number is not on the scale of degen's, sign aside.

    Args:
        counts: [tokens] how often each token occurs in the corpus, in any order.
    """
    found = degen.frequencies(counts)[:-1]
    grid, first = np.unique(np.round(GRID * np.log(np.arange(1, len(found) + 1))) / GRID, return_index=True)
    return degen.line(grid, np.log(found[first]))[0]


def perplexity(logprobs: Sequence[NDArray[np.float64]]) -> float:
    """exp(-sum of log-probabilities / tokens), with one token more per text in the divisor than in the sum.

    Args:
        logprobs: per text those of all its tokens but the first, the prompt's too: a text of T tokens has T - 1, and
            that code divides by T. The closing eos is not among them. Ours has the continuation's tokens, and as many
            below as above the line. No metric takes this one as `compat`: a run does not record the log-probabilities
            of its prompts.
    """
    tokens = sum(len(values) + 1 for values in logprobs)
    return float(np.exp(-sum(float(np.sum(values)) for values in logprobs) / tokens)) if tokens else float("nan")
