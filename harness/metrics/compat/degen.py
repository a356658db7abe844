"""The numbers of Holtzman et al. (2020), "The curious case of neural text degeneration", as their code computes them.

Repository ari-holtzman/degen, `metrics/`. It counts the tokens of GPT-2, prompt left out.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.metrics.bleu import bleu
from harness.metrics.bleu_counts import closest, matches
from harness.metrics.ngrams import Ngrams, ngrams

LONGEST = 90  # the longest phrase that a loop is looked for with
TOP = 5_000  # the ranks that a Zipf coefficient is fitted to
HYPOTHESES = 1_000  # texts that self-BLEU is averaged over
BLEU_SIZES = (1, 2, 3, 4, 5)


def hapaxes(grams: Ngrams) -> int:
    """How many n-grams occur once. That code's "distinct-n" is their share of all n-grams.

    Ours has the different n-grams in the numerator. That code takes one off again when an n-gram comes a second time,
    so what is left are the hapaxes: [1, 2, 1, 2, 3, 4] gives 3 of 5 bigrams and not 4 of 5.
    """
    return int((np.bincount(grams.ids) == 1).sum())


def repeats(tokens: Sequence[Hashable], longest: int = LONGEST) -> tuple[int, int]:
    """(length of the phrase that most often stands in a row at the end, how often it does): the shortest on ties."""
    length, most = 1, 1
    for period in range(1, longest + 1):
        if len(tokens) // period <= most:  # no longer phrase can stand there more often
            break
        place = len(tokens) - 1 - period
        while place >= 0 and tokens[place] == tokens[place + period]:
            place -= 1
        if (times := (len(tokens) - 1 - place) // period) > most:
            length, most = period, times
    return length, most


def loops(tokens: Sequence[Hashable], longest: int = LONGEST) -> bool:
    """Whether that code says that a text ends in a loop.

    The paper, and ours, ask for a phrase of two tokens or more, three times in a row. The code asks for the phrase that
    stands there most often, and takes it for a loop if it has three tokens or more and stands there twice, or if it
    stands there more than 50 times: "a b c a b c" is a loop, 50 times "a b" is none, nor is "b a a b a a", where "a"
    stands as often as "b a a". Phrases of more than `longest` tokens are not found. An empty text, on which that code
    fails, is no loop.
    """
    length, times = repeats(tokens, longest)
    return times > 1 and (length >= 3 or times > 50)


def frequencies(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The 5,000 largest counts, falling; tokens that do not occur have none."""
    return np.sort(counts[counts > 0])[::-1][:TOP]


def line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """(slope, correlation) of the least-squares line of y on x; NaN where x has fewer than two values."""
    if len(x) < 2:
        return float("nan"), float("nan")
    dx, dy = x - x.mean(), y - y.mean()
    with np.errstate(invalid="ignore"):
        return float(dx @ dy / (dx @ dx)), float(dx @ dy / np.sqrt((dx @ dx) * (dy @ dy)))


def zipf(counts: NDArray[np.int64]) -> tuple[float, float]:
    """(Zipf coefficient, fit): minus the slope, and minus the correlation, of log frequency on log rank.

    All ranks up to 5,000 weigh the same, so the many rare tokens decide. Ours is the same coefficient.

    Args:
        counts: [tokens] how often each token occurs in the corpus, in any order.
    """
    found = frequencies(counts)
    slope, correlation = line(np.log(np.arange(1, len(found) + 1)), np.log(found))
    return -slope, -correlation


def self_bleu(
    sequences: Sequence[Sequence[Hashable]], sizes: Sequence[int], sample: int = HYPOTHESES, seed: int = 0
) -> list[float]:
    """self-BLEU-n per size: nltk's `sentence_bleu`, smoothing method 1, against all the other texts of the corpus.

    Ours scores all texts, or those that come first by a hash of their prompts. That code draws its hypotheses by their
    place among the texts (so the order of the texts matters), others for each n. NaN for fewer than two texts.
    """
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    if len(lengths) < 2:
        return [float("nan")] * len(sizes)
    matched = [
        matches(grams.ids, grams.spread(np.arange(len(lengths))), np.zeros_like(lengths)).whole
        for grams in ngrams(sequences, range(1, max(sizes) + 1))
    ]
    values = bleu(np.stack(matched), lengths, closest(lengths), "nltk-method1")
    return [float(values[size - 1, _hypotheses(len(lengths), size, sample, seed)].mean()) for size in sizes]


def _hypotheses(texts: int, size: int, sample: int, seed: int) -> list[int]:
    """The texts that self-BLEU-`size` is averaged over; all of them where they are fewer than that code asks for."""
    if texts <= sample:
        return list(range(texts))
    draws = random.Random(seed)
    return [draws.sample(range(texts), sample) for _ in range(size)][-1]


def perplexity(logprobs: Sequence[NDArray[np.float64]]) -> float:
    """exp(mean negative log-probability of all tokens), a closing eos counted in: our corpus perplexity.

    What differs is which log-probabilities that code saves: with a temperature those of the tempered distribution, and
    with top-k or top-p those before it is cut off. Ours are always those of the untouched model.
    """
    flat = np.concatenate([np.asarray(values, dtype=np.float64) for values in logprobs] or [np.empty(0)])
    return float(np.exp(-flat.mean())) if len(flat) else float("nan")
